"""Runs of a job as JSON rows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pixel_generation.domain.jobs.attempt import AttemptReceipt, AttemptState
from pixel_generation.domain.providers.provider import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def attempts_of(rows: Sequence[Mapping[str, Any]]) -> tuple[AttemptReceipt, ...]:
    return tuple(_attempt_of(row) for row in rows)


def _attempt_of(row: Mapping[str, Any]) -> AttemptReceipt:
    return AttemptReceipt(
        attempt=row["attempt"],
        round=row["round"],
        provider=row["provider"],
        model=row["model"],
        state=AttemptState(row["state"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        provider_request_id=row["provider_request_id"],
        cost_usd_micros=row["cost_usd_micros"],
        failure_code=row["failure_code"],
        claimed_at=datetime.fromisoformat(row["claimed_at"]),
        submitted_at=_time_of(row["submitted_at"]),
        ended_at=_time_of(row["ended_at"]),
    )


def _time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
