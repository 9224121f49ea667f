"""Converts the request of a submission."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from google.protobuf.json_format import ParseError
from pixel.generation.v1 import generation_pb2 as gen
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import parse_id
from pixel_telemetry import inject

from pixel_generation.application.submission.new_job import SubmitGeneration
from pixel_generation.domain.jobs.job import Priority

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from google.protobuf.timestamp_pb2 import Timestamp
    from pixel.generation.v1.generations_service_pb2 import Submission

    from pixel_generation.adapters.work.messages import WorkMessages

PRIORITY_OF = {gen.JobPriority.Value(f"JOB_PRIORITY_{priority.name}"): priority for priority in Priority} | {
    gen.JOB_PRIORITY_UNSPECIFIED: Priority.NORMAL
}


def read_submission(item: Submission, messages: WorkMessages) -> SubmitGeneration:
    """Return the command; raise KindNotAvailable, or Invalid with the malformed field."""
    try:
        work = messages.read(item, item.kind)
    except ParseError as error:
        raise _unreadable("parameters", f"The parameters cannot be read: {error}") from error
    if item.priority not in PRIORITY_OF:
        raise _unreadable("priority", f"The priority is one of {', '.join(p.name.lower() for p in Priority)}.")
    return SubmitGeneration(
        user_id=_id("usr", item.user_id, "userId", "A user id is usr_ and 32 hex digits."),
        work=work,
        idempotency_key=item.idempotency_key,
        route=item.route,
        trace=inject(),
        priority=PRIORITY_OF[item.priority],
        schedule_time=_time(item.schedule_time) if item.HasField("schedule_time") else None,
        cancel_after_s=item.cancel_after_seconds,
        api_key_id=_id("key", item.api_key_id, "apiKeyId", "A key id is key_ and 32 hex digits.")
        if item.api_key_id
        else None,
        end_user=item.end_user,
        metadata=dict(item.metadata),
        adjust=item.adjust,
        allow_fallback=item.allow_fallback,
        max_retries=item.max_retries if item.HasField("max_retries") else None,
    )


def _time(message: Timestamp) -> datetime:
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _unreadable("scheduledAt", "The time cannot be read.") from error


def _id(prefix: str, text: str, field: str, message: str) -> UUID:
    try:
        return parse_id(prefix, text)
    except ValueError as error:
        raise _unreadable(field, message) from error


def _unreadable(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
