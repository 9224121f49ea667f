from __future__ import annotations

import asyncio

import pytest
from pixel_events import PostgresBus, dead_letters
from pixel_events.__main__ import main
from pixel_events.dead_letters import dead_letter

from tests.fakes.events import ACTIVITIES, activity
from tests.parts import Database, MakeDatabase


@pytest.fixture(autouse=True)
def quiet_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "QUIET_S", 0.2)
    for name in ("PIXEL_BUS_URL", "KAFKA_BROKERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    return await make_database("bus")


async def run(url: str, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["--bus-url", url, *arguments])


async def test_topics_are_created_and_listed(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(database.url, "topics", "health") == 1
    assert "missing: image.generation.requests" in capsys.readouterr().out
    assert await run(database.url, "topics", "create") == 0
    assert "created image.generation.requests.dlq" in capsys.readouterr().out
    assert await run(database.url, "topics", "create") == 0
    assert capsys.readouterr().out == "every topic is there\n"
    assert await run(database.url, "topics", "health") == 0
    assert "0 missing" in capsys.readouterr().out


async def test_dead_letters_are_listed_and_redriven(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    bus = PostgresBus(database.url)
    await bus.ensure_topics()
    event = activity("usr_a", "x")
    await bus.publish([dead_letter(event, ValueError("words of a user"), attempts=3, consumer="social-sets")])
    assert await run(database.url, "dead-letters", "list", ACTIVITIES) == 0
    listed = capsys.readouterr().out
    assert f"{event.id} pixel.social.v1.UserActivity from {ACTIVITIES}/-1/-1" in listed
    assert "social-sets: ValueError after 3 attempts" in listed
    assert "words of a user" not in listed
    assert await run(database.url, "dead-letters", "redrive", ACTIVITIES, "--dry-run") == 0
    assert "1 would be redriven" in capsys.readouterr().out
    assert await run(database.url, "dead-letters", "redrive", ACTIVITIES, "--rate", "1000") == 0
    assert "1 redriven" in capsys.readouterr().out
    reader = bus.consumer("readers", [ACTIVITIES])
    await reader.start()
    (back,) = await reader.receive(10, 5.0)
    await bus.close()
    assert (back.id, back.headers) == (event.id, {})


async def test_wrong_usage_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "health"]) == 2
    assert "--bus-url" in capsys.readouterr().err
    assert await run("amqp://localhost", "topics", "health") == 2
    with pytest.raises(SystemExit):
        main(["dead-letters", "redrive", ACTIVITIES, "--rate", "0"])


async def test_an_unreachable_bus_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixel_postgres.pool._WAIT_FOR_CONNECTION_S", 0.2)
    assert await run("postgresql://bus@127.0.0.1:1/pixel", "topics", "create") == 1
    assert "database" in capsys.readouterr().err
