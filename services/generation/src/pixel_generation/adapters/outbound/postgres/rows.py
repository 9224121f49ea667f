"""Between rows and the domain."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pixel_events.outbox import OutboxEvent, outbox_parameters
from psycopg.types.json import Jsonb

from pixel_generation.domain.job import DeliveredImage, Failure, Job, Stage, Status
from pixel_generation.domain.spec import GenerationSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def job_of(row: Mapping[str, Any]) -> Job:
    return Job(
        id=row["id"],
        user_id=row["user_id"],
        set_id=row["set_id"],
        spec=GenerationSpec(**row["spec"]),
        lane=row["lane"],
        cost_credits=row["cost_credits"],
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
        scheduled_at=row["scheduled_at"],
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        progress=row["progress"],
        sequence=row["sequence"],
        attempt=row["attempt"],
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        trace=row["trace"],
        images=tuple(DeliveredImage(**image | {"asset_id": UUID(image["asset_id"])}) for image in row["images"]),
        failure=failure_of(row["failure"]),
        captured_credits=row["captured_credits"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def failure_of(value: Mapping[str, Any] | None) -> Failure | None:
    return None if value is None else Failure(**value)


def spec_value(spec: GenerationSpec) -> Jsonb:
    return Jsonb(spec.as_dict())


def images_value(images: Sequence[DeliveredImage]) -> Jsonb:
    return Jsonb([asdict(image) | {"asset_id": image.asset_id.hex} for image in images])


def failure_value(failure: Failure | None) -> Jsonb | None:
    return None if failure is None else Jsonb(asdict(failure))


def change_parameters(job: Job, events: Sequence[OutboxEvent]) -> dict[str, Any]:
    """Return what every written change of a job consists of: its new state, its event, its announcements."""
    return outbox_parameters(events) | {
        "id": job.id,
        "attempt": job.attempt,
        "status": job.status.value,
        "stage": job.stage.value,
        "progress": job.progress,
        "sequence": job.sequence,
        "images": images_value(job.images),
        "message": job.message,
    }
