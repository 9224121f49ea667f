"""Converts between rows and the domain."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pixel_events.outbox import OutboxEvent, outbox_rows
from psycopg.types.json import Jsonb

from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.jobs.former_names import route_of
from pixel_generation.domain.jobs.job import Failure, HoldReason, Job, Priority, Status
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.jobs.replay import RecordedEvent, facts_of
from pixel_generation.domain.jobs.step import Step
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.work.adjustment import Adjustment
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pixel_generation.domain.work.work import Kinds, Work


def job_of(row: Mapping[str, Any], kinds: Kinds) -> Job:
    return Job(
        id=row["id"],
        user_id=row["user_id"],
        set_id=row["set_id"],
        work=kinds.read(row["kind"], row["work"]),
        queue=row["queue"],
        cost_credits=row["cost_credits"],
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
        scheduled_at=row["scheduled_at"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        progress=row["progress"],
        step=row["step"],
        sequence=row["sequence"],
        attempt=row["attempt"],
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        trace=row["trace"],
        outputs=tuple(map(Output.from_dict, row["outputs"])),
        failure=failure_of(row["failure"]),
        captured_credits=row["captured_credits"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        priority=Priority(row["priority"] + row["aged"]),
        round=row["round"],
        hold_reason=HoldReason(row["hold_reason"]),
        plan=row["plan"],
        cancel_at=row["cancel_at"],
        cancel_requested_at=row["cancel_requested_at"],
        api_key_id=row["api_key_id"],
        end_user=row["end_user"],
        metadata=row["metadata"],
        price_id=row["price_id"],
        route=route_of(row["route"]),
        adjustments=tuple(Adjustment(**adjustment) for adjustment in row["adjustments"]),
        start_after=row["start_after"],
        start_before=row["start_before"],
    )


def failure_of(value: Mapping[str, Any] | None) -> Failure | None:
    return None if value is None else Failure(**value)


def work_value(work: Work) -> Jsonb:
    return Jsonb(work.as_dict())


def adjustments_value(adjustments: Sequence[Adjustment]) -> Jsonb:
    return Jsonb([asdict(adjustment) for adjustment in adjustments])


def recorded_event_of(row: Mapping[str, Any]) -> RecordedEvent:
    return RecordedEvent(
        job_id=row["job_id"],
        sequence=row["sequence"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        progress=row["progress"],
        failure=failure_of(row["failure"]),
        facts=row["facts"],
    )


def change_value(before: Job, after: Job, events: Sequence[OutboxEvent]) -> dict[str, Any]:
    """Return the parts of a change of a job as JSON: its new state, its event, its outbox events."""
    return {
        "id": after.id.hex,
        "attempt": before.attempt,
        "from_status": before.status.value,
        "status": after.status.value,
        "stage": after.stage.value,
        "progress": after.progress,
        "sequence": after.sequence,
        "outputs": [output.as_dict() for output in after.outputs],
        "failure": after.failure and asdict(after.failure),
        "deadline_at": after.deadline_at.isoformat(),
        "cancel_requested_at": time_value(after.cancel_requested_at),
        "step": after.step,
        "message": after.current_step,
        "facts": facts_of(before, after),
        "outbox_events": _outbox_events(events),
    }


def step_value(step: Step) -> dict[str, Any]:
    """Return a durable step as JSON for the statement that writes it."""
    return {
        "key": step.key,
        "state": "finished" if step.is_finished else "started",
        "output": dict(step.output),
        "call": step.call and asdict(step.call),
    }


def step_of(row: Mapping[str, Any]) -> Step:
    call = row["call"]
    return Step(
        row["step"],
        is_finished=row["state"] == "finished",
        output=row["output"],
        call=call and CallRecord(**call | {"outcome": call["outcome"] and Outcome(call["outcome"])}),
    )


def time_value(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _outbox_events(events: Sequence[OutboxEvent]) -> list[dict[str, Any]]:
    return [
        {**row._asdict(), "event_id": row.event_id.hex, "value": b64encode(row.value).decode()}
        for row in outbox_rows(events)
    ]
