"""Requests and responses of the clients, one line of JSON each: `invoke`, then `ok`, `fail` or `unknown`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.stores import Violation

Line = dict[str, Any]


@dataclass
class History:
    """Kept in memory and, with a path, written line by line so that a killed run can still be checked."""

    path: Path | None = None
    lines: list[Line] = field(default_factory=list)
    _keys: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, op: str, **facts: object) -> None:
        """Write one line: invoke, ok, fail, unknown, end (a terminal status seen), event or read."""
        line = {"at": time.time(), "kind": kind, "op": op, **facts}
        self.lines.append(line)
        if (kind, op) == ("ok", "submit"):
            self._keys.setdefault(str(facts["key"]), str(facts["id"]))
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    @property
    def accepted(self) -> dict[str, str]:
        """The acknowledged generation of each idempotency key."""
        return self._keys

    @property
    def nonces(self) -> set[str]:
        """The nonce in each private prompt of a client."""
        return {line["nonce"] for line in self.lines if "nonce" in line}

    def of(self, kind: str, op: str) -> list[Line]:
        return [line for line in self.lines if (line["kind"], line["op"]) == (kind, op)]


def read_history(path: Path) -> History:
    history = History()
    for text in path.read_text().splitlines():
        line = json.loads(text)
        history.note(line.pop("kind"), line.pop("op"), **line)
    return history


def judge(history: History, jobs: Iterable[dict[str, Any]], sets: dict[str, int] | None) -> list[Violation]:
    """Compare the responses with the stored data; `sets` has the number of images of each generation's set."""
    stored = {f"gen_{job['id'].hex}": job for job in jobs}
    return [
        *_keys(history),
        *_acknowledged(history, stored, sets),
        *_endings(history, stored),
        *_sequences(history),
        *_principals(history, stored),
    ]


def _keys(history: History) -> list[Violation]:
    """I3: a key always gives one job, and no two keys give the same."""
    found: list[Violation] = []
    of_key: dict[str, str] = {}
    of_job: dict[str, str] = {}
    for line in history.of("ok", "submit"):
        key, job = line["key"], line["id"]
        if of_key.setdefault(key, job) != job:
            found.append(Violation("I3", "key_with_two_jobs", key, f"{of_key[key]} and {job}"))
        if of_job.setdefault(job, key) != key:
            found.append(Violation("I3", "job_with_two_keys", job, f"{of_job[job]} and {key}"))
    return found


def _acknowledged(history: History, stored: dict[str, Any], sets: dict[str, int] | None) -> list[Violation]:
    """I6: acknowledged generations can be read."""
    found = [
        Violation("I6", "lost_job", job, "acknowledged and not stored")
        for job in sorted(set(history.accepted.values()) - stored.keys())
    ]
    if sets is not None:
        for line in history.of("end", "watch"):
            job = stored.get(line["id"])
            if job is not None and line["status"] == "completed" and sets.get(line["id"], 0) != job["images"]:
                detail = f"{sets.get(line['id'], 0)} of {job['images']} pictures"
                found.append(Violation("I6", "lost_pictures", line["id"], detail))
    return found


def _endings(history: History, stored: dict[str, Any]) -> list[Violation]:
    """I1: an end that a client saw is the stored end, unless the user retried since."""
    told = {(line["id"], line["status"]) for line in history.of("end", "watch")}
    retried = {line["id"] for line in history.of("ok", "retry")}
    return [
        Violation("I1", "changed_end", job, f"a client saw {status}, stored is {stored[job]['status']}")
        for job, status in sorted(told)
        if job in stored and job not in retried and stored[job]["status"] != status
    ]


def _sequences(history: History) -> list[Violation]:
    """I8: a watcher, resumed or not, sees each sequence once and in order. Lines name their watcher."""
    found: list[Violation] = []
    last: dict[tuple[str, str], int] = {}
    for line in history.of("event", "watch"):
        place = (line["watcher"], line["id"])
        expected = last.get(place, line["sequence"] - 1) + 1
        if line["sequence"] != expected:
            found.append(Violation("I8", "sequence", line["id"], f"saw {line['sequence']} in place of {expected}"))
        last[place] = line["sequence"]
    return found


def _principals(history: History, stored: dict[str, Any]) -> list[Violation]:
    """I9: a response contains the caller's own nonce and no other; each prompt contains its owner's."""
    found = [
        Violation("I9", "foreign_body", line["id"], f"{line['nonce']} was answered {line['nonces']}")
        for line in history.of("read", "body")
        if line["nonces"] and set(line["nonces"]) != {line["nonce"]}
    ]
    owners: dict[str, Any] = {}
    told: dict[str, str] = {}
    for line in history.of("ok", "submit"):
        if told.setdefault(line["id"], line["nonce"]) != line["nonce"]:
            found.append(
                Violation("I9", "foreign_job", line["id"], f"{told[line['id']]}'s was given to {line['nonce']}")
            )
        job = stored.get(line["id"])
        if job is not None and owners.setdefault(line["nonce"], job["user_id"]) != job["user_id"]:
            found.append(Violation("I9", "foreign_job", line["id"], f"belongs to another than {line['nonce']}"))
    return found
