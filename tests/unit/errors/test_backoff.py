"""The pause before another try grows with the failures, and is bounded."""

from __future__ import annotations

from pixel_errors.backoff import backoff_s


def test_the_pause_doubles_with_each_failure_up_to_its_limit() -> None:
    pauses = [backoff_s(failures, first_s=0.2, longest_s=4.0) for failures in range(1, 8)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0]


def test_no_failure_means_the_first_pause_and_thousands_the_longest() -> None:
    assert backoff_s(0, first_s=1.0, longest_s=9.0) == 1.0
    assert backoff_s(5_000, first_s=1.0, longest_s=9.0) == 9.0


def test_jitter_is_uniform_over_the_whole_pause() -> None:
    assert [backoff_s(3, first_s=1.0, longest_s=9.0, draw=draw) for draw in (0.0, 0.5)] == [0.0, 2.0]
