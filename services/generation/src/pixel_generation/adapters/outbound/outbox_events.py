"""Events about jobs for other services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import events_pb2 as pb
from pixel_events import OutboxEvent
from pixel_runtime.ids import format_id

from pixel_generation.adapters.codec import (
    failure_to_proto,
    image_work_to_proto,
    job_event,
    output_to_proto,
    timestamp,
)
from pixel_generation.domain.jobs.job import Job, Status

if TYPE_CHECKING:
    from datetime import datetime

REQUESTS = "image.generation.requests"
STATUS = "image.generation.status"
COMPLETE = "image.generation.complete"
FAILED = "image.generation.failed"


def signal_requested(job: Job, at: datetime) -> OutboxEvent:
    """Return the request event that signals the queue's workers."""
    message = pb.ImageGenerationRequested(
        request_id=format_id("gen", job.id),
        user_id=format_id("usr", job.user_id),
        queue=job.queue,
        work=image_work_to_proto(job.work),
        timestamp=timestamp(at),
    )
    return OutboxEvent(REQUESTS, format_id("usr", job.user_id), message)


def status_changed(job: Job, at: datetime) -> OutboxEvent:
    """Return the status event of the newest stored event."""
    return OutboxEvent(STATUS, format_id("usr", job.user_id), pb.GenerationStatusChanged(event=job_event(job, at)))


def outbox_events(job: Job, at: datetime) -> list[OutboxEvent]:
    """Return the events to publish after a change: the result of an ended job before its status."""
    user = format_id("usr", job.user_id)
    events = [status_changed(job, at)]
    if job.status is Status.COMPLETED or (job.status is Status.CANCELLED and job.outputs):
        completed = pb.ImageGenerationCompleted(
            request_id=format_id("gen", job.id),
            user_id=user,
            set_id=format_id("set", job.set_id),
            outputs=map(output_to_proto, job.outputs),
            work=image_work_to_proto(job.work),
            completed_at=timestamp(at),
        )
        events.insert(0, OutboxEvent(COMPLETE, user, completed))
    elif job.status is Status.FAILED:
        failed = pb.ImageGenerationFailed(
            request_id=format_id("gen", job.id),
            user_id=user,
            failure=failure_to_proto(job.failure),
            failed_at=timestamp(at),
        )
        events.insert(0, OutboxEvent(FAILED, user, failed))
    elif job.status is Status.QUEUED:
        events.append(signal_requested(job, at))
    return events
