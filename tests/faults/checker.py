"""Checks a run from outside: `python -m tests.faults.checker --database URL [--kafka …] [--s3 …] [--history FILE]`.

It reads the databases, the bus, the bucket, the logs and the history of the clients, and prints I1 to I10 with the
number of violations of each. The exit code is 1 when there is one. Inputs that are not given are not checked and shown
as `-`. The services must be idle: nothing queued, nothing in progress.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pixel_blobs import Blobs, S3Blobs

from tests.faults import bus_checks
from tests.faults import history as client_history
from tests.faults.bus_checks import Bus, read_bus
from tests.faults.history import History, read_history
from tests.faults.stores import Stores, Violation, open_stores

INVARIANTS = {
    "I1": "every acknowledged job ends exactly once and stays ended",
    "I2": "transfers sum to 0, balances are their entries, no hold is left open",
    "I3": "at most one charge a round; one key is one job",
    "I4": "every picture has its object, every old object its row",
    "I5": "every event was announced once, in order, and had one effect",
    "I6": "what was answered with success can be read",
    "I7": "counters equal what they count",
    "I8": "event numbers have no gap and no repeat, stored and watched",
    "I9": "no answer holds what is another's",
    "I10": "no secret and no private prompt in logs, dead letters and errors",
}
SHOWN = 5
ORPHANS_AFTER = timedelta(minutes=20)
BUCKET_READS_AT_ONCE = 16


@dataclass(frozen=True)
class Evidence:
    """The inputs of the checker. Only the database is required."""

    database: str
    brokers: str = ""
    bucket: Blobs | None = None
    history: History | None = None
    logs: Sequence[Path] = ()
    canaries: Sequence[str] = ()
    orphans_after: timedelta = ORPHANS_AFTER


@dataclass
class Report:
    """Violations by invariant; an invariant whose evidence was not there is missing from `judged`."""

    judged: set[str] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)

    def add(self, invariants: Iterable[str], found: Iterable[Violation]) -> None:
        self.judged.update(invariants)
        self.violations += found

    def count(self, invariant: str) -> int:
        return sum(violation.invariant == invariant for violation in self.violations)

    def __str__(self) -> str:
        lines = []
        for invariant, promise in INVARIANTS.items():
            number = str(self.count(invariant)) if invariant in self.judged else "-"
            lines.append(f"{invariant:<4}{number:>6}  {promise}")
            mine = [violation for violation in self.violations if violation.invariant == invariant]
            lines += [f"            {each.check} {each.subject}: {each.detail}" for each in mine[:SHOWN]]
            if len(mine) > SHOWN:
                lines.append(f"            and {len(mine) - SHOWN} more")
        return "\n".join(lines)


async def check(evidence: Evidence) -> Report:
    """Read all inputs once and compare."""
    bus = await read_bus(evidence.brokers) if evidence.brokers else None
    async with open_stores(evidence.database) as stores:
        return await judge(evidence, stores, bus)


async def judge(evidence: Evidence, stores: Stores, bus: Bus | None) -> Report:
    """Compare the inputs."""
    report = Report()
    report.add(("I1", "I2", "I3", "I7", "I8"), await stores.violations())
    if bus is not None:
        found = bus_checks.judge(bus, await stores.rows("events"), await stores.rows("inboxes"))
        report.add(["I5"], found)
    if evidence.history is not None:
        pictures = None
        if "social" in stores.schemas:
            pictures = {f"gen_{row['generation_id'].hex}": row["images"] for row in await stores.rows("sets")}
        found = client_history.judge(evidence.history, await stores.rows("jobs"), pictures)
        report.add(("I3", "I6", "I8", "I9"), found)
    if evidence.bucket is not None:
        report.add(["I4"], await _bucket(evidence.bucket, stores, evidence.orphans_after))
    if evidence.canaries:
        report.add(["I10"], await _leaks(evidence, stores, bus))
    return report


async def _bucket(bucket: Blobs, stores: Stores, orphans_after: timedelta) -> list[Violation]:
    """Compare the bucket's listing and its bytes with the rows."""
    wanted = {row["key"]: row for row in await stores.rows("objects")}
    known = {row["key"] for row in await stores.rows("known_objects")}
    before = datetime.now(UTC) - orphans_after
    found, there = [], set()
    async for blob in bucket.list("images/"):
        there.add(blob.key)
        if blob.key not in known and blob.modified_at < before:
            found.append(Violation("I4", "object_without_row", blob.key, f"since {blob.modified_at:%FT%T}"))
    found += [Violation("I4", "row_without_object", key, "missing") for key in sorted(wanted.keys() - there)]
    at_once = asyncio.Semaphore(BUCKET_READS_AT_ONCE)

    async def compare(row: dict[str, Any]) -> list[Violation]:
        async with at_once:
            data = await bucket.get(row["key"])
        same = (len(data), hashlib.sha256(data).hexdigest()) == (row["size_bytes"], row["sha256"])
        return [] if same else [Violation("I4", "other_bytes", row["key"], f"{len(data)} bytes")]

    for each in await asyncio.gather(*(compare(row) for key, row in wanted.items() if key in there)):
        found += each
    return found


async def _leaks(evidence: Evidence, stores: Stores, bus: Bus | None) -> list[Violation]:
    """Search data readable by others for private words."""
    texts = [(row["place"], row["text"]) for row in await stores.rows("texts")]
    texts += [(str(path), path.read_text(errors="replace")) for path in evidence.logs]
    for letter in bus.dead if bus else ():
        texts.append((f"{letter.topic}/{letter.offset}", " ".join(letter.headers.values())))
    for line in evidence.history.lines if evidence.history else ():
        texts.append((f"answer to {line['op']}", str(line.get("error", ""))))
    return [
        Violation("I10", "canary", canary, place)
        for canary in evidence.canaries
        for place, text in texts
        if canary in text
    ]


def bucket_of(address: str) -> S3Blobs:
    """Open `s3://bucket?endpoint=…&region=…` with the keys of the environment, as the services do."""
    parts = urlsplit(address)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return S3Blobs(
        parts.netloc,
        options["endpoint"],
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region=options.get("region", "us-east-1"),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.checker", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--database", required=True, help="superuser's address of the services' database")
    parser.add_argument("--kafka", default="", help="bootstrap address")
    parser.add_argument("--s3", default="", help="s3://bucket?endpoint=…&region=…, keys in AWS_ACCESS_KEY_ID and …")
    parser.add_argument("--history", type=Path, help="what the clients wrote")
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="log files to search for canaries")
    parser.add_argument("--canary", action="append", default=[], help="a word that must appear nowhere; repeatable")
    return parser.parse_args()


async def main() -> int:
    options = arguments()
    bucket = bucket_of(options.s3) if options.s3 else None
    history = read_history(options.history) if options.history else None
    try:
        evidence = Evidence(options.database, options.kafka, bucket, history, options.logs, options.canary)
        report = await check(evidence)
    finally:
        if bucket is not None:
            await bucket.close()
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
