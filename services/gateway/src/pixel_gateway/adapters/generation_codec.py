"""Converts between messages of pixel.generation.v1 and the gateway's domain."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import generation_pb2 as pb
from pixel.generation.v1 import generations_service_pb2 as service_pb
from pixel_errors import Internal, PixelError, Violation, restore

from pixel_gateway.adapters.message_reader import facts_of
from pixel_gateway.application.generations.ports import Accepted
from pixel_gateway.domain.generation import (
    Adjustment,
    Failure,
    Generation,
    JobType,
    Model,
    Output,
    Priority,
    Progress,
    Route,
    Spec,
    Stage,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pixel_gateway.application.generations.ports import Submission

STATUS_OF = {getattr(pb, f"GENERATION_STATUS_{status.name}"): status for status in Status}
STATUS_TO = {status: number for number, status in STATUS_OF.items()}
STAGE_OF = {getattr(pb, f"GENERATION_STAGE_{stage.name}"): stage for stage in Stage}
_JOB_TYPE_OF = {job_type.value: job_type for job_type in JobType}
_PRIORITY_TO = {priority: getattr(pb, f"JOB_PRIORITY_{priority.name}") for priority in Priority}
_PRIORITY_OF = {number: priority for priority, number in _PRIORITY_TO.items()}
_PLAIN_FIELDS = tuple(each.name for each in fields(Spec) if each.name not in {"seed", "parameters"})
"""Fields that a spec and its message have under the same name and in the same form."""


def stamp_of(moment: datetime | None) -> Timestamp | None:
    """Return the time as a message, or None."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def time_of(timestamp: Timestamp) -> datetime:
    """Return an aware UTC datetime."""
    return timestamp.ToDatetime(tzinfo=UTC)


def submission_message(submission: Submission) -> service_pb.Submission:
    """Convert one submission to a message."""
    return service_pb.Submission(
        user_id=submission.user_id,
        image=work_message(submission.spec),
        idempotency_key=submission.idempotency_key,
        route=submission.route,
        kind=submission.job_type,
        priority=_PRIORITY_TO[submission.priority],
        schedule_time=stamp_of(submission.schedule_time),
        cancel_after_seconds=submission.cancel_after_s,
        api_key_id=submission.api_key_id,
        end_user=submission.end_user,
        metadata=submission.metadata,
        adjust=submission.adjust,
        allow_fallback=submission.allow_fallback,
        max_retries=submission.max_retries,
    )


def work_message(spec: Spec) -> pb.ImageWork:
    """Convert the work of a request to a message."""
    message = pb.ImageWork(seed=spec.seed, **{name: getattr(spec, name) for name in _PLAIN_FIELDS})
    if spec.parameters:
        message.parameters.update(spec.parameters)
    return message


def accepted_of(result: service_pb.SubmissionResult) -> Accepted | PixelError:
    """Convert the outcome of one submission or retry."""
    match result.WhichOneof("outcome"):
        case "generation":
            return Accepted(generation_of(result.generation), replayed=result.replayed)
        case "error":
            return rejection(result.error)
        case _:
            return Internal("The generation service answered neither a generation nor an error.")


def rejection(error: service_pb.SubmissionError) -> PixelError:
    """Convert a rejection to an error."""
    return restore(
        error.kind,
        error.reason,
        error.detail,
        metadata=dict(error.metadata),
        violations=(Violation(error.field, error.detail),) if error.field else (),
        retry_after_s=error.retry_after_seconds or None,
    )


def generation_of(message: pb.Generation) -> Generation:
    """Convert a generation."""
    return Generation(
        id=message.id,
        user_id=message.user_id,
        spec=spec_of(message.image),
        set_id=message.set_id,
        status=STATUS_OF.get(message.status, Status.PROCESSING),
        stage=STAGE_OF.get(message.stage, Stage.WAITING),
        progress=message.progress,
        message=message.current_step,
        sequence=message.sequence,
        cost_credits=message.cost_credits,
        create_time=time_of(message.create_time),
        attempt=message.attempt,
        outputs=tuple(_output_of(output) for output in message.outputs),
        failure=_failure_of(message.failure) if message.HasField("failure") else None,
        captured_credits=message.captured_credits if message.HasField("captured_credits") else None,
        queue_position=message.queue_position,
        eta_s=eta_of(message.eta) if message.HasField("eta") else None,
        remaining_s=message.estimated_seconds_remaining if message.HasField("estimated_seconds_remaining") else None,
        start_time=time_of(message.start_time) if message.HasField("start_time") else None,
        end_time=time_of(message.end_time) if message.HasField("end_time") else None,
        job_type=_JOB_TYPE_OF.get(message.kind, JobType.IMAGE),
        priority=_PRIORITY_OF.get(message.priority, Priority.NORMAL),
        round=message.round or 1,
        schedule_time=time_of(message.schedule_time) if message.HasField("schedule_time") else None,
        cancel_time=time_of(message.cancel_time) if message.HasField("cancel_time") else None,
        adjustments=adjustments_of(message.adjustments),
        route=route_of(message.route) if message.HasField("route") else None,
        waits_for=message.waits_for,
        position_reason=message.position_reason,
        end_user=message.end_user,
        metadata=dict(message.metadata),
    )


def progress_of(message: pb.GenerationEvent) -> Progress:
    """Convert a stored event."""
    return Progress(
        generation_id=message.generation_id,
        user_id=message.user_id,
        sequence=message.sequence,
        status=STATUS_OF.get(message.status, Status.PROCESSING),
        stage=STAGE_OF.get(message.stage, Stage.WAITING),
        progress=message.progress,
        message=message.current_step,
        set_id=message.set_id,
        time=time_of(message.event_time),
        failure=_failure_of(message.failure) if message.HasField("failure") else None,
    )


def model_of(message: pb.Model) -> Model:
    """Convert a model of the catalogue."""
    return Model(
        id=message.id,
        provider=message.provider,
        aliases=tuple(message.aliases),
        display_name=message.display_name,
        credits_per_image=message.credits_per_unit,
        aspect_ratios=tuple((each.ratio, each.width, each.height) for each in message.aspect_ratios),
        styles=tuple(message.styles),
        qualities=tuple(message.qualities),
        max_images=message.max_units,
        available=message.available,
    )


def eta_of(message: pb.EtaInterval) -> tuple[float, float]:
    """Convert the interval of the expected start, in seconds from now."""
    return message.min_seconds, message.max_seconds


def adjustments_of(messages: Iterable[pb.Adjustment]) -> tuple[Adjustment, ...]:
    """Convert adjustments."""
    return tuple(facts_of(message, Adjustment) for message in messages)


def route_of(message: pb.Route) -> Route:
    """Convert a route."""
    return facts_of(message, Route)


def spec_of(message: pb.ImageWork) -> Spec:
    """Convert the work of a request."""
    return Spec(
        seed=message.seed if message.HasField("seed") else None,
        parameters=MessageToDict(message.parameters) if message.HasField("parameters") else {},
        **{name: getattr(message, name) for name in _PLAIN_FIELDS},
    )


def _output_of(message: pb.Output) -> Output:
    return Output(
        asset_id=message.asset_id,
        index=message.index,
        width=message.width,
        height=message.height,
        content_type=message.content_type,
        size_bytes=message.size_bytes,
        seed=message.seed if message.HasField("seed") else None,
    )


def _failure_of(message: pb.GenerationFailure) -> Failure:
    return Failure(code=message.code, message=message.message, retryable=message.retryable)
