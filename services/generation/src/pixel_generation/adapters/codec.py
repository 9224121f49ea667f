"""Converts between the domain and the messages of pixel.generation.v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict
from pixel.generation.v1 import generation_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_generation.adapters.output_codec import failure_to_proto, output_to_proto, timestamp
from pixel_generation.domain.jobs.job import HoldReason, Job, Priority, Status
from pixel_generation.domain.work.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.application.reading.read_generations import GenerationView
    from pixel_generation.domain.catalogue.catalogue import Catalogue, Model
    from pixel_generation.domain.jobs.job import Failure, StoredEvent

STATUSES = {status: pb.GenerationStatus.Value(f"GENERATION_STATUS_{status.name}") for status in Status}
STAGES = {stage: pb.GenerationStage.Value(f"GENERATION_STAGE_{stage.name}") for stage in Stage}
STATUS_OF = {value: status for status, value in STATUSES.items()}
PRIORITIES = {priority: pb.JobPriority.Value(f"JOB_PRIORITY_{priority.name}") for priority in Priority}
PRIORITY_OF = {value: priority for priority, value in PRIORITIES.items()}


def route_to_proto(route: Mapping[str, Any]) -> pb.Route | None:
    """Convert the stored route; None for a job without one."""
    return ParseDict(dict(route), pb.Route(), ignore_unknown_fields=True) if route else None


def view_to_proto(view: GenerationView, messages: WorkMessages, *, with_route: bool = False) -> pb.Generation:
    job = view.job
    eta = view.start_interval_s
    return pb.Generation(
        id=format_id("gen", job.id),
        user_id=format_id("usr", job.user_id),
        **messages.member(job.work),
        set_id=format_id("set", job.set_id),
        status=STATUSES[job.status],
        stage=STAGES[job.stage],
        progress=job.progress,
        current_step=job.current_step,
        sequence=job.sequence,
        outputs=map(output_to_proto, job.outputs),
        failure=failure_to_proto(job.failure),
        cost_credits=job.cost_credits,
        captured_credits=job.captured_credits,
        queue_position=view.queue_position,
        eta=pb.EtaInterval(min_seconds=eta[0], max_seconds=eta[1]) if eta else None,
        estimated_seconds_remaining=view.remaining_s,
        attempt=job.attempt,
        create_time=timestamp(job.created_at),
        start_time=timestamp(job.started_at) if job.started_at else None,
        end_time=timestamp(job.ended_at) if job.ended_at else None,
        kind=job.kind,
        priority=PRIORITIES[job.priority],
        round=job.round,
        schedule_time=timestamp(job.scheduled_at) if view.waits_for == HoldReason.SCHEDULED else None,
        cancel_time=timestamp(job.cancel_at) if job.cancel_at else None,
        adjustments=[
            pb.Adjustment(field=item.field, requested=item.requested, used=item.used) for item in job.adjustments
        ],
        route=route_to_proto(job.route) if with_route else None,
        waits_for=view.waits_for,
        position_reason=view.position_reason or "",
        end_user=job.end_user,
        metadata=dict(job.metadata),
    )


def event_to_proto(
    *,
    job_id: UUID,
    user_id: UUID,
    set_id: UUID,
    sequence: int,
    status: Status,
    stage: Stage,
    progress: int,
    current_step: str,
    failure: Failure | None,
    at: datetime,
) -> pb.GenerationEvent:
    return pb.GenerationEvent(
        generation_id=format_id("gen", job_id),
        user_id=format_id("usr", user_id),
        sequence=sequence,
        status=STATUSES[status],
        stage=STAGES[stage],
        progress=progress,
        current_step=current_step,
        set_id=format_id("set", set_id),
        failure=failure_to_proto(failure),
        event_time=timestamp(at),
    )


def stored_event_to_proto(event: StoredEvent, job_id: UUID, user_id: UUID) -> pb.GenerationEvent:
    """Convert an entry of a job's event sequence."""
    return event_to_proto(
        job_id=job_id,
        user_id=user_id,
        set_id=event.set_id,
        sequence=event.sequence,
        status=event.status,
        stage=event.stage,
        progress=event.progress,
        current_step=event.current_step,
        failure=event.failure,
        at=event.created_at,
    )


def job_event(job: Job, at: datetime) -> pb.GenerationEvent:
    """Convert the newest change of a job."""
    return event_to_proto(
        job_id=job.id,
        user_id=job.user_id,
        set_id=job.set_id,
        sequence=job.sequence,
        status=job.status,
        stage=job.stage,
        progress=job.progress,
        current_step=job.current_step,
        failure=job.failure,
        at=at,
    )


def model_to_proto(model: Model, catalogue: Catalogue) -> pb.Model:
    return pb.Model(
        id=model.id,
        provider=model.provider,
        aliases=model.aliases,
        display_name=model.display_name,
        credits_per_unit=model.credits_per_unit,
        aspect_ratios=[
            pb.AspectRatio(ratio=ratio, width=size.width, height=size.height) for ratio, size in model.ratios.items()
        ],
        styles=model.styles,
        qualities=model.qualities,
        max_units=model.max_units,
        available=catalogue.is_available(model),
    )
