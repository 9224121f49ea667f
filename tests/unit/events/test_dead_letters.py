from __future__ import annotations

import pytest
from pixel_errors import Invalid
from pixel_events import UnknownTopic, dead_letters
from pixel_events.dead_letters import dead_letter, list_dead_letters, origin_of, redrive

from tests.fakes.bus import FakeBus
from tests.fakes.events import ACTIVITIES, activity, subject_of

DEAD = ACTIVITIES + ".dlq"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "QUIET_S", 0.01)


@pytest.fixture
async def bus() -> FakeBus:
    """A bus with five dead letters."""
    made = FakeBus()
    await made.ensure_topics()
    await made.publish([activity(f"usr_{n}", str(n), headers={"note": "kept"}) for n in range(5)])
    for event in made.records(ACTIVITIES):
        await made.publish([dead_letter(event, ValueError("secret words"), attempts=3, consumer="social-sets")])
    made.logs.update({place: [] for place in made.logs if place[0] == ACTIVITIES})
    return made


async def test_listing_dead_letters_does_not_remove_them(bus: FakeBus) -> None:
    for _ in range(2):
        letters = await list_dead_letters(bus, ACTIVITIES)
        assert {told_of(letter.headers) for letter in letters} == {"ValueError"}
        assert len(letters) == 5
        assert origin_of(letters[0]).consumer == "social-sets"
        assert origin_of(letters[0]).attempts == 3


def told_of(headers: object) -> str:
    assert isinstance(headers, dict)
    return str(headers["dlq-error"])


async def test_a_list_has_at_most_the_requested_length(bus: FakeBus) -> None:
    assert len(await list_dead_letters(bus, ACTIVITIES, limit=2)) == 2


async def test_a_redrive_publishes_each_letter_once_unchanged(bus: FakeBus) -> None:
    redriven = await redrive(bus, ACTIVITIES, rate_per_s=10_000)
    assert await redrive(bus, ACTIVITIES, rate_per_s=10_000) == []
    events = bus.records(ACTIVITIES)
    assert {event.id for event in events} == {event.id for event in redriven}
    assert sorted(subject_of(event) for event in events) == [str(n) for n in range(5)]
    assert all(event.headers == {"note": "kept"} for event in events)


async def test_a_redrive_continues_where_the_last_one_ended(bus: FakeBus) -> None:
    first = await redrive(bus, ACTIVITIES, limit=2, rate_per_s=10_000)
    rest = await redrive(bus, ACTIVITIES, rate_per_s=10_000)
    assert (len(first), len(rest)) == (2, 3)
    assert len({event.id for event in first + rest}) == 5


async def test_a_dry_run_publishes_and_commits_nothing(bus: FakeBus) -> None:
    assert len(await redrive(bus, ACTIVITIES, is_dry_run=True)) == 5
    assert bus.records(ACTIVITIES) == []
    assert len(await redrive(bus, ACTIVITIES, rate_per_s=10_000)) == 5


async def test_dead_letters_are_named_by_their_topic(bus: FakeBus) -> None:
    with pytest.raises(UnknownTopic):
        await list_dead_letters(bus, DEAD)


def test_a_record_without_an_origin_is_reported() -> None:
    with pytest.raises(Invalid):
        origin_of(activity("usr_a", "x"))
