"""Tests of the checker: each violation, injected into a clean run, is the only one reported."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pixel_blobs import DirectoryBlobs
from pixel_events import Event
from pixel_generation.settings import Settings
from pixel_postgres import migrate, provision
from psycopg.rows import dict_row

from tests.fakes.bus import FakeBus
from tests.fakes.generation_neighbours import FakeTextToImage
from tests.faults.breaches import BREACHES, Breach
from tests.faults.bus_checks import COMPLETE, STATUS, Bus
from tests.faults.checker import INVARIANTS, Evidence, Report, judge
from tests.faults.engine import assert_at_rest, calling
from tests.faults.history import History
from tests.faults.ports import HalfDone, run_engine
from tests.faults.stores import Stores
from tests.parts import ROLE_PASSWORD, Database, MakeDatabase
from tests.servers import REPOSITORY

CANARY = "sk-canary"
SCHEMAS = frozenset({"generation", "social", "media"})
SETS = """
INSERT INTO social.sets (id, user_id, generation_id, created_at)
SELECT j.set_id, j.user_id, j.id, now() FROM generation.live_jobs AS j WHERE j.status = 'completed';
INSERT INTO social.images
    (id, user_id, set_id, generation_id, index, prompt, model, width, height, private, created_at, hot)
SELECT gen_random_uuid(), j.user_id, j.set_id, j.id, n.index, '', '', 1, 1, true, now(), 0
FROM generation.live_jobs AS j, LATERAL generate_series(0, jsonb_array_length(j.outputs) - 1) AS n (index);
"""
ASSET = """
WITH asset AS (
    INSERT INTO media.assets (id, state, user_id, sha256, size_bytes, begun_at, stored_at)
    VALUES (%(id)s, 'stored', %(id)s, %(sha256)s, %(size)s, now(), now()) RETURNING id
)
INSERT INTO media.renditions (asset_id, kind, key, content_type, width, height, size_bytes, sha256)
SELECT id, 'original', %(key)s, 'image/png', 1, 1, %(size)s, %(sha256)s FROM asset
"""


@dataclass
class Scene:
    """A clean run and its inputs for the checker."""

    database: Database
    bus: Bus
    history: History
    bucket: DirectoryBlobs
    scratch: Path

    async def judged(self, statements: str = "", **changed: Any) -> Report:
        """Check the run with a violation in its stores, which is reverted, or with other inputs."""
        evidence = Evidence(
            self.database.admin_url,
            bucket=self.bucket,
            history=changed.get("history", self.history),
            logs=changed.get("logs", ()),
            canaries=[CANARY],
            orphans_after=timedelta(0),
        )
        async with await psycopg.AsyncConnection.connect(self.database.admin_url, row_factory=dict_row) as connection:
            # Rows that the schema refuses are injected as a broken server or a restored backup would.
            await connection.execute("SET LOCAL session_replication_role = replica")
            if statements:
                await connection.execute(statements.encode())
            report = await judge(evidence, Stores(connection, SCHEMAS), changed.get("bus", self.bus))
            await connection.rollback()
        return report


@pytest.fixture(scope="module")
async def scene(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    database, scratch = await make_database("generation"), tmp_path_factory.mktemp("scene")
    log, history = FakeBus(), History(scratch / "history.jsonl")
    await run_three(database, log, history)
    await provision(database.admin_url, schemas={"social": ROLE_PASSWORD, "media": ROLE_PASSWORD})
    for schema in ("social", "media"):
        await asyncio.to_thread(migrate, database.admin_url, package=f"pixel_{schema}", schema=schema)
    bucket = DirectoryBlobs(scratch, b"key")
    bus = Bus()
    for topic in (STATUS, COMPLETE):
        bus.events[topic] = log.records(topic)
    async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
        await connection.execute(SETS.encode())
        for event in bus.events[COMPLETE]:
            await connection.execute(
                "INSERT INTO social.inbox (consumer, event_id) VALUES ('social-sets', %s::uuid)", [event.id]
            )
        for data in (b"one", b"another"):
            facts = {"id": uuid4(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            key = f"images/{facts['sha256']}.png"
            await bucket.put(key, data, content_type="image/png", sha256=str(facts["sha256"]))
            await connection.execute(ASSET, facts | {"key": key})
    return Scene(database, bus, history, bucket, scratch)


async def run_three(database: Database, log: FakeBus, history: History) -> None:
    """Two completed jobs and a failed one, all read by a client that also watches the first."""
    model = FakeTextToImage()
    options = replace(Settings(), database_url=database.url, grpc_address="127.0.0.1:0", sweep_interval_s=0.1)
    calm = HalfDone(random.Random(1), rate=0.0)
    async with (
        run_engine(options, calm, providers={"sketch": model}, bus=log) as service,
        calling(service) as caller,
    ):
        user = await caller.user(100)
        for number, pictures in enumerate((2, 1, 1)):
            model.pictures = 0 if number == 2 else None  # the provider has none for the third
            history.note("invoke", "submit", key=f"key {number}", nonce="nonce1")
            name = await caller.submit(user, f"key {number}", number_of_images=pictures)
            history.note("ok", "submit", key=f"key {number}", nonce="nonce1", id=name)
            await assert_at_rest(database.admin_url, within_s=20)
            history.note("end", "watch", id=name, nonce="nonce1", status="failed" if number == 2 else "completed")
            history.note("read", "body", id=name, nonce="nonce1", nonces=["nonce1"])
    for sequence in (1, 2, 3):
        history.note("event", "watch", id=history.accepted["key 0"], watcher="first", sequence=sequence)


def reported(report: Report) -> set[tuple[str, str]]:
    return {(violation.invariant, violation.check) for violation in report.violations}


async def test_a_run_without_breaches_passes_all_ten_checks(scene: Scene) -> None:
    report = await scene.judged()
    assert reported(report) == set(), str(report)
    assert report.judged == set(INVARIANTS)


async def test_archived_jobs_are_checked_like_the_others(scene: Scene) -> None:
    archive = (
        "INSERT INTO generation.archived_jobs SELECT * FROM generation.live_jobs; DELETE FROM generation.live_jobs;"
    )
    assert reported(await scene.judged(archive)) == set()
    lost = await scene.judged(f"{archive} UPDATE generation.archived_jobs SET cost_credits = cost_credits * 3")
    assert ("I2", "paid_pictures") in reported(lost)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.name)
async def test_a_breach_in_the_stores_is_reported(breach: Breach, scene: Scene) -> None:
    report = await scene.judged(breach.statements)
    assert reported(report) == breach.reported, str(report)


def dropped(events: list[Event]) -> list[Event]:
    return events[:-1]


def invented(events: list[Event]) -> list[Event]:
    """One event with a sequence that is not stored."""
    message: Any = events[-1].message()
    message.event.sequence += 1
    return [*events, replace(events[-1], value=message.SerializeToString())]


def renamed(events: list[Event]) -> list[Event]:
    return [*events, replace(events[0], id=str(uuid4()))]


@pytest.mark.parametrize(
    ("topic", "change", "expected"),
    [
        (STATUS, dropped, {("I5", "not_announced")}),
        (STATUS, invented, {("I5", "never_stored")}),
        (STATUS, renamed, {("I5", "announced_twice")}),
        (STATUS, lambda events: events[::-1], {("I5", "order")}),
        (COMPLETE, dropped, {("I5", "effect_of_nothing")}),
        (COMPLETE, renamed, {("I5", "completed_twice"), ("I5", "no_effect")}),
    ],
    ids=["not announced", "never stored", "announced twice", "out of order", "effect of nothing", "completed twice"],
)
async def test_a_breach_on_the_bus_is_reported(
    topic: str, change: Callable[[list[Event]], list[Event]], expected: set[tuple[str, str]], scene: Scene
) -> None:
    bus = copy.deepcopy(scene.bus)
    bus.events[topic] = change(bus.events[topic])
    report = await scene.judged(bus=bus)
    assert reported(report) == expected, str(report)


FIRST, SECOND, UNKNOWN = "key 0", "key 1", f"gen_{uuid4().hex}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"kind": "ok", "op": "submit", "key": "lost", "nonce": "nonce1", "id": UNKNOWN}, {("I6", "lost_job")}),
        ({"kind": "ok", "op": "submit", "key": FIRST, "nonce": "nonce1", "id": SECOND}, None),
        ({"kind": "ok", "op": "submit", "key": FIRST, "nonce": "nonce2", "id": FIRST}, {("I9", "foreign_job")}),
        ({"kind": "end", "op": "watch", "id": FIRST, "status": "cancelled"}, {("I1", "changed_end")}),
        ({"kind": "event", "op": "watch", "id": FIRST, "watcher": "first", "sequence": 3}, {("I8", "sequence")}),
        ({"kind": "event", "op": "watch", "id": FIRST, "watcher": "first", "sequence": 5}, {("I8", "sequence")}),
        (
            {"kind": "read", "op": "body", "id": FIRST, "nonce": "nonce1", "nonces": ["nonce1", "nonce2"]},
            {("I9", "foreign_body")},
        ),
        ({"kind": "fail", "op": "submit", "key": "x", "nonce": "nonce1", "error": CANARY}, {("I10", "canary")}),
    ],
    ids=["lost", "two jobs of a key", "another's job", "end changed", "repeat", "gap", "another's body", "secret"],
)
async def test_a_breach_that_only_a_client_saw_is_reported(
    line: dict[str, Any], expected: set[tuple[str, str]] | None, scene: Scene
) -> None:
    facts = {"nonce": "nonce1"} | line
    facts["id"] = scene.history.accepted.get(str(line.get("id")), line.get("id"))
    history = History()
    for known in [*scene.history.lines, facts]:
        history.note(known["kind"], known["op"], **{k: v for k, v in known.items() if k not in {"kind", "op", "at"}})
    report = await scene.judged(history=history)
    assert reported(report) == (expected or {("I3", "key_with_two_jobs"), ("I3", "job_with_two_keys")}), str(report)


async def test_a_secret_in_a_log_or_a_dead_letter_is_reported(scene: Scene) -> None:
    log = scene.scratch / "service.log"
    await asyncio.to_thread(log.write_text, f"started\nwith the key {CANARY}\n")
    assert reported(await scene.judged(logs=[log])) == {("I10", "canary")}
    bus = copy.deepcopy(scene.bus)
    bus.dead.append(replace(bus.events[COMPLETE][0], topic=f"{COMPLETE}.dlq", id="", headers={"dlq_error": CANARY}))
    assert reported(await scene.judged(bus=bus)) == {("I10", "canary")}


async def test_the_program_prints_all_ten_checks_and_exits_with_1_for_a_breach(scene: Scene) -> None:
    log = scene.scratch / "program.log"
    for text, code in (("nothing\n", 0), (CANARY, 1)):
        await asyncio.to_thread(log.write_text, text)
        arguments = ("--database", scene.database.admin_url, "--history", str(scene.scratch / "history.jsonl"))
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.checker", *arguments, "--logs", str(log), "--canary", CANARY),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await program.communicate()
        lines = printed.decode().splitlines()
        assert program.returncode == code, printed.decode()
        assert [line.split()[0] for line in lines if line[:1] == "I"] == list(INVARIANTS)
        assert any(line.split()[:2] == ["I10", str(code)] for line in lines)
