"""Events about jobs for other services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import events_pb2 as pb
from pixel_events import OutboxEvent
from pixel_runtime.ids import format_id

from pixel_generation.adapters.codec import job_event
from pixel_generation.domain.jobs.job import Job, Status

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_generation.adapters.work.messages import WorkMessages

STATUS = "image.generation.status"


def status_changed(job: Job, at: datetime) -> OutboxEvent:
    """Return the status event of the newest stored event."""
    return OutboxEvent(STATUS, format_id("usr", job.user_id), pb.GenerationStatusChanged(event=job_event(job, at)))


def outbox_events(job: Job, at: datetime, messages: WorkMessages) -> list[OutboxEvent]:
    """Return the events to publish after a change: the result of an ended job before its status."""
    announced = [status_changed(job, at)]
    if job.status.is_final and (ended := messages.ended(job, at)):
        announced.insert(0, ended)
    elif job.status is Status.QUEUED:
        announced.append(messages.requested(job, at))
    return announced
