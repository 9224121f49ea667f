from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pixel_generation.domain.estimate import LaneSnapshot, start_interval_s


def lane(*, running: int = 0, slots: int = 2, durations: list[float] | None = None) -> LaneSnapshot:
    return LaneSnapshot.measured(queued=0, running=running, slots=slots, durations_s=durations or [], typical_s=10)


def test_an_idle_lane_starts_at_once() -> None:
    assert start_interval_s(1, lane()) == (0, 1.0)


def test_a_lane_without_history_is_estimated_from_the_catalogue_widened() -> None:
    assert (lane().fast_s, lane().median_s, lane().slow_s) == (5, 10, 30)


def test_a_lane_with_history_is_estimated_from_it() -> None:
    measured = lane(durations=[1, 1, 2, 2, 2, 3, 3, 9, 9, 9])
    assert (measured.fast_s, measured.median_s, measured.slow_s) == (1, 2, 9)


@given(st.integers(1, 1000), st.integers(0, 50), st.integers(1, 50))
def test_an_interval_is_ordered_and_grows_with_the_position(position: int, running: int, slots: int) -> None:
    snapshot = lane(running=running, slots=slots)
    earliest, latest = start_interval_s(position, snapshot)
    assert 0 <= earliest <= latest
    later = start_interval_s(position + 1, snapshot)
    assert later[0] >= earliest
    assert later[1] >= latest
