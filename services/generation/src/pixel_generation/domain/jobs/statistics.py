"""Statistics of ended generations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pixel_generation.domain.jobs.job import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class StatsRow:
    """Ended jobs of one day, model, kind of work and status, summed."""

    day: date
    model: str
    kind: str
    status: Status
    jobs: int
    outputs: int
    run_seconds: float
    credits: int
    retries: int = 0
    """Retried runs."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over rows of any granularity."""

    generations: int
    completed: int
    failed: int
    cancelled: int
    outputs: int
    credits: int
    retries: int
    average_s: float | None
    """Mean seconds of a completed run; None when none completed."""


@dataclass(frozen=True, slots=True)
class GenerationStats:
    """The statistics of a period."""

    total: Figures
    models: tuple[tuple[str, Figures], ...]
    """Most used first."""
    days: tuple[tuple[date, Figures], ...]
    """Oldest first."""
    credits_by_kind: Mapping[str, int]
    provider_cost_usd_micros: Mapping[str, int] = field(default_factory=dict)
    """Known cost by provider; empty for one user."""


def statistics_of(rows: Iterable[StatsRow], provider_cost: Mapping[str, int]) -> GenerationStats:
    """Sum rows into the statistics of the period, of each model and of each day."""
    rows = list(rows)
    models = sorted(_grouped(rows, lambda row: row.model).items(), key=lambda item: (-item[1].generations, item[0]))
    days = sorted(_grouped(rows, lambda row: row.day).items())
    by_type: Counter[str] = Counter()
    for row in rows:
        by_type[row.kind] += row.credits
    return GenerationStats(_sum(rows), tuple(models), tuple(days), dict(by_type), provider_cost)


def _grouped(rows: list[StatsRow], key: Callable[[StatsRow], Key]) -> dict[Key, Figures]:
    groups: dict[Key, list[StatsRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: _sum(group) for name, group in groups.items()}


def _sum(rows: list[StatsRow]) -> Figures:
    jobs: Counter[Status] = Counter()
    for row in rows:
        jobs[row.status] += row.jobs
    completed = jobs[Status.COMPLETED]
    seconds = sum(row.run_seconds for row in rows if row.status is Status.COMPLETED)
    return Figures(
        generations=jobs.total(),
        completed=completed,
        failed=jobs[Status.FAILED],
        cancelled=jobs[Status.CANCELLED],
        outputs=sum(row.outputs for row in rows),
        credits=sum(row.credits for row in rows),
        retries=sum(row.retries for row in rows),
        average_s=seconds / completed if completed else None,
    )
