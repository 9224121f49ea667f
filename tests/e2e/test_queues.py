"""Operators pause, drain and limit a queue; running jobs finish and queued jobs are kept, across a restart too."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2

from tests.e2e.conftest import Running
from tests.e2e.person import Person
from tests.e2e.test_engine_endpoints import admin_of

QUEUE = "/api/admin/queues/sketch"


async def switched(admin: httpx2.AsyncClient, verb: str, **body: Any) -> dict[str, Any]:
    answer = await admin.post(f"{QUEUE}/{verb}", json=body or None)
    assert answer.status_code == 200, answer.text
    queue: dict[str, Any] = answer.json()
    return queue


async def until_stage(person: Person, generation_id: str, *stages: str) -> None:
    deadline = time.monotonic() + 20
    while (await person.status(generation_id))["stage"] not in stages:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_draining_queue_refuses_finishes_its_jobs_and_stays_draining_after_a_restart(running: Running) -> None:
    async with running.studio.person() as person, admin_of(running.studio) as admin:
        made = [await person.submit({"prompt": "a tree", "numberOfImages": 4}) for _ in range(4)]
        try:
            queue = await switched(admin, "drain", reason="maintenance")
            assert queue["state"] == "draining"
            refused = await person.http.post("/api/generations", json={"prompt": "too late"})
            assert (refused.status_code, refused.json()["code"]) == (503, "QUEUE_CLOSED")
            assert int(refused.headers["retry-after"]) >= 1
            for each in made:
                assert (await person.finished(each["id"]))["status"] == "completed"
            await running.restart()
            again = await person.http.post("/api/generations", json={"prompt": "still too late"})
            assert (again.status_code, again.json()["code"]) == (503, "QUEUE_CLOSED")
            (action,) = [
                each
                for each in (await admin.get("/api/admin/actions?limit=20")).json()["items"]
                if each["action"] == "queue_drained"
            ][:1]
            assert (action["metadata"]["queue"], action["metadata"]["reason"]) == ("sketch", "maintenance")
        finally:
            assert (await switched(admin, "resume"))["state"] == "open"
        assert (await person.finished((await person.submit({"prompt": "open again"}))["id"]))["status"] == "completed"


async def test_a_paused_queue_lets_running_jobs_finish_and_starts_no_other(running: Running) -> None:
    async with running.studio.person() as person, admin_of(running.studio) as admin:
        running_one = await person.submit({"prompt": "a long walk", "numberOfImages": 10})
        await until_stage(person, running_one["id"], "starting", "generating", "uploading", "done")
        try:
            await switched(admin, "pause")
            waiting = await person.submit({"prompt": "waits"})
            assert (await person.finished(running_one["id"]))["status"] == "completed"
            assert (await person.status(waiting["id"]))["status"] == "queued"
        finally:
            await switched(admin, "resume")
        assert (await person.finished(waiting["id"]))["status"] == "completed"


async def test_idle_workers_are_counted(running: Running) -> None:
    async with admin_of(running.studio) as admin:
        deadline = time.monotonic() + 15
        while (await admin.get("/api/admin/monitor")).json()["workers"] != 1:
            assert time.monotonic() < deadline, "one worker is there, whether it has something to do or not"
            await asyncio.sleep(0.2)
