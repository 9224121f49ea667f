"""Rules of reads: pages, positions, sums, redaction, hold reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pixel_errors import Invalid
from pixel_generation.adapters.inbound.grpc.read_request import (
    read_size,
    read_timed_token,
    read_token,
    write_timed_token,
    write_token,
)
from pixel_generation.adapters.outbound.postgres.id_ranges import highest_id_at, lowest_id_at
from pixel_generation.application.maintenance.reconcile_ledger import seconds_until_night
from pixel_generation.application.operations.read_statistics import read_statistics
from pixel_generation.application.reading.page import FIRST
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.failures import FailureFilter
from pixel_generation.domain.jobs.job import HoldReason, Job, Status
from pixel_generation.domain.jobs.statistics import StatsRow, statistics_of
from pixel_generation.domain.queueing.position import Position
from pixel_generation.domain.work.image import ImageWork
from pixel_runtime.ids import new_id

from tests.fakes.generation import FakeClock
from tests.unit.generation.conftest import Engine


def test_page_tokens_are_parsed_as_they_were_issued() -> None:
    last, at = uuid4(), datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
    assert read_token(write_token(last)) == last
    assert (read_token(""), write_token(None)) == (FIRST, "")
    assert read_timed_token(write_timed_token((at, last))) == (at, last)
    assert (read_timed_token(""), write_timed_token(None)) == (None, "")


@pytest.mark.parametrize("text", ["?", "AAAA", "ä", write_token(UUID(int=7))[:-3], "A" * 5_000])
def test_a_forged_page_token_is_refused(text: str) -> None:
    for read in (read_token, read_timed_token):
        with pytest.raises(Invalid):
            read(text)


def test_a_page_size_out_of_bounds_is_refused() -> None:
    assert [read_size(asked, default=20, most=100) for asked in (0, 1, 100)] == [20, 1, 100]
    for asked in (-1, 101):
        with pytest.raises(Invalid):
            read_size(asked, default=20, most=100)


def test_a_channel_position_round_trips_and_anything_else_is_refused() -> None:
    position = Position(7, uuid4(), 3)
    assert Position.parse(str(position)) == position
    for text in (
        "",
        "7",
        f"{2**64}.{'0' * 32}.0",
        f"1.{'0' * 32}.{2**63}",
        f"-1.{'0' * 32}.0",
        f"1.{'G' * 32}.0",
        "\n",
    ):
        assert Position.parse(text) is None, text


def test_a_time_range_maps_to_an_id_range() -> None:
    now = datetime.now(UTC)
    assert lowest_id_at(now) < new_id() < highest_id_at(now)
    assert lowest_id_at(now + timedelta(hours=2)) > new_id() > highest_id_at(now - timedelta(hours=2))
    assert lowest_id_at(datetime.min.replace(tzinfo=UTC) + timedelta(days=1)) == UUID(int=0)


def test_statistics_of_nothing_have_no_average_and_ended_jobs_sum_by_model_and_day() -> None:
    assert statistics_of([], {}).total.average_s is None
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    rows = [
        StatsRow(monday, "a", "image", Status.COMPLETED, 2, 3, 10.0, 3),
        StatsRow(tuesday, "b", "edit", Status.COMPLETED, 1, 1, 20.0, 4),
        StatsRow(tuesday, "b", "edit", Status.FAILED, 3, 0, 99.0, 0, retries=6),
    ]
    stats = statistics_of(rows, {"sketch": 5})
    assert (stats.total.generations, stats.total.failed, stats.total.average_s) == (6, 3, 10.0)
    assert stats.total.retries == 6
    assert [(model, figures.generations) for model, figures in stats.models] == [("b", 4), ("a", 2)]
    assert [(day, figures.credits) for day, figures in stats.days] == [(monday, 3), (tuesday, 4)]
    assert stats.credits_by_kind == {"image": 3, "edit": 4}


async def test_statistics_of_more_than_a_year_are_refused() -> None:
    class NoRows:
        async def rows(self, user_id: UUID | None, *, first: date, last: date) -> list[StatsRow]:
            assert (user_id, (last - first).days) == (None, 29)
            return []

        async def provider_costs(self, *, first: date, last: date) -> dict[str, int]:
            return {"openai": (last - first).days}

    stats = await read_statistics(None, None, None, statistics=NoRows(), clock=FakeClock())
    assert stats.provider_cost_usd_micros == {"openai": 29}
    for first in (date(2024, 1, 1), date(2026, 1, 2)):
        with pytest.raises(Invalid):
            await read_statistics(None, first, date(2026, 1, 1), statistics=NoRows(), clock=FakeClock())


def test_a_redacted_payload_contains_no_user_text() -> None:
    words = {"prompt": "my secret", "style": "like aunt Mary", "custom_prompt": "hidden"}
    work = ImageWork(**words, model="m", parameters={"background": "opaque"})  # type: ignore[arg-type]
    told = str(work.redacted())
    assert not any(word in told for word in (*words.values(), "opaque"))
    assert work.redacted()["parameters"] == ["background"]


def test_an_empty_failure_filter_is_recognized() -> None:
    assert not FailureFilter().names_something
    assert FailureFilter(model="m").names_something


@pytest.mark.parametrize(("now", "seconds"), [("2026-03-01T02:59:59+00:00", 1), ("2026-03-01T03:00:00+00:00", 86_400)])
def test_the_nightly_run_is_due_at_three_utc(now: str, seconds: float) -> None:
    assert seconds_until_night(datetime.fromisoformat(now)) == seconds


async def test_a_queued_job_has_its_hold_reason(engine: Engine) -> None:
    user = await engine.user()
    job_id = await engine.accepted(user)
    told = []
    for hold_reason, queue in [
        (HoldReason.NONE, QueueState.OPEN),
        (HoldReason.NONE, QueueState.PAUSED),
        (HoldReason.CAPPED, QueueState.PAUSED),
        (HoldReason.SCHEDULED, QueueState.OPEN),
        (HoldReason.NONE, QueueState.DRAINING),
    ]:
        engine.store.rows[job_id].job = replace(engine.store.rows[job_id].job, hold_reason=hold_reason)
        engine.store.queue_states["sketch"] = queue
        told.append((await engine.find(job_id, user)).waits_for)
    assert told == ["", "paused", "capped", "scheduled", ""]


async def test_the_position_of_a_new_job_equals_its_position_at_the_next_read(engine: Engine) -> None:
    user, other = await engine.user(), await engine.user()
    accepted: list[Job] = []
    for asker in (user, user, other, user):
        (outcome,) = await engine.submit(SubmitGeneration(asker, ImageWork("a fox")))
        assert isinstance(outcome, Accepted)
        assert outcome.job is not None
        accepted.append(outcome.job)
        told, found = await engine.accepted_view(outcome.job), await engine.find(outcome.job_id, asker)
        assert told.queue_position == found.queue_position
        assert told.start_interval_s == pytest.approx(found.start_interval_s, abs=1e-5)
    capped = await engine.accepted_view(replace(accepted[-1], hold_reason=HoldReason.CAPPED))
    assert (capped.queue_position, capped.start_interval_s, capped.waits_for) == (0, None, "capped")


async def test_a_channel_starts_at_the_current_position_and_a_forged_position_resyncs(engine: Engine) -> None:
    user = await engine.user()
    start = await engine.user_events(user, after="", limit=5)
    assert (start.events, start.resync) == ([], False)
    job_id = await engine.accepted(user)
    page = await engine.user_events(user, after=str(start.position), limit=5)
    assert [(position.job_id, event.sequence) for position, event in page.events] == [(job_id, 1)]
    for forged in ("x", str(Position(10**9)), str(Position(1, uuid4(), 1))):
        answer = await engine.user_events(user, after=forged, limit=5)
        assert (answer.events, answer.resync) == ([], True)
