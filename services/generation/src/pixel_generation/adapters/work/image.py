"""Converts image work and its events."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar

from google.protobuf.json_format import MessageToDict
from pixel.generation.v1 import events_pb2
from pixel.generation.v1 import generation_pb2 as pb
from pixel_events import OutboxEvent
from pixel_runtime.ids import format_id

from pixel_generation.adapters.output_codec import failure_to_proto, output_to_proto, timestamp
from pixel_generation.domain.jobs.job import Job, Status
from pixel_generation.domain.work.image import ImageWork

if TYPE_CHECKING:
    from datetime import datetime

REQUESTS = "image.generation.requests"
COMPLETE = "image.generation.complete"
FAILED = "image.generation.failed"
_PLAIN_FIELDS = tuple(each.name for each in fields(ImageWork) if each.name not in {"seed", "parameters"})
"""Fields that the work and its message have under the same name and in the same form."""


class ImageMessages:
    kind: ClassVar[str] = ImageWork.kind

    def write(self, work: ImageWork) -> pb.ImageWork:
        message = pb.ImageWork(seed=work.seed, **{name: getattr(work, name) for name in _PLAIN_FIELDS})
        if work.parameters:
            message.parameters.update(work.parameters)
        return message

    def read(self, message: pb.ImageWork) -> ImageWork:
        return ImageWork(
            seed=message.seed if message.HasField("seed") else None,
            parameters=MessageToDict(message.parameters) if message.HasField("parameters") else {},
            **{name: getattr(message, name) for name in _PLAIN_FIELDS},
        )

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        message = events_pb2.ImageGenerationRequested(
            request_id=format_id("gen", job.id),
            user_id=format_id("usr", job.user_id),
            queue=job.queue,
            work=self._of(job),
            timestamp=timestamp(at),
        )
        return OutboxEvent(REQUESTS, message.user_id, message)

    def ended(self, job: Job, at: datetime) -> OutboxEvent | None:
        if job.status is Status.FAILED:
            failed = events_pb2.ImageGenerationFailed(
                request_id=format_id("gen", job.id),
                user_id=format_id("usr", job.user_id),
                failure=failure_to_proto(job.failure),
                failed_at=timestamp(at),
            )
            return OutboxEvent(FAILED, failed.user_id, failed)
        if not job.outputs:
            return None
        completed = events_pb2.ImageGenerationCompleted(
            request_id=format_id("gen", job.id),
            user_id=format_id("usr", job.user_id),
            set_id=format_id("set", job.set_id),
            outputs=map(output_to_proto, job.outputs),
            work=self._of(job),
            completed_at=timestamp(at),
        )
        return OutboxEvent(COMPLETE, completed.user_id, completed)

    def _of(self, job: Job) -> pb.ImageWork:
        assert isinstance(job.work, ImageWork)
        return self.write(job.work)
