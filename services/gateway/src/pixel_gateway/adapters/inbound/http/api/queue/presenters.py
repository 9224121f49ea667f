"""Converts the queue and statistics to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.generations.schemas import Eta
from pixel_gateway.adapters.inbound.http.api.queue.schemas import (
    DayStatsView,
    ModelStatsView,
    PopularModel,
    QueuedView,
)
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from typing import Any

    from pixel_gateway.domain.generation import Generation
    from pixel_gateway.domain.operations import Stats


def stats_fields(stats: Stats) -> dict[str, Any]:
    """Return the fields of a body of statistics."""
    return {
        "total_generations": stats.total_generations,
        "successful_generations": stats.successful_generations,
        "failed_generations": stats.failed_generations,
        "cancelled_generations": stats.cancelled_generations,
        "average_processing_time": stats.average_seconds,
        "total_tokens_used": stats.total_credits,
        "popular_models": [PopularModel(each.model, each.generations) for each in stats.models],
        "models": [to_struct(each, ModelStatsView) for each in stats.models],
        "days": [to_struct(each, DayStatsView) for each in stats.days],
        "credits_by_feature": stats.credits_by_feature,
        "retries": stats.retries,
    }


def queued_view(generation: Generation) -> QueuedView:
    waits = generation.status is Status.QUEUED
    eta = generation.eta_s if waits else None
    return QueuedView(
        id=generation.id,
        status=generation.status,
        stage=generation.stage,
        job_type=generation.job_type,
        priority=generation.priority,
        queue_position=generation.queue_position or None if waits else None,
        waits_for=generation.waits_for or None if waits else None,
        position_reason=generation.position_reason or None if waits else None,
        eta=Eta(*eta) if eta else None,
        estimated_wait_time=eta[1] if eta else None,
        estimated_time_remaining=generation.remaining_s,
        scheduled_at=generation.schedule_time,
        created_at=generation.create_time,
        started_at=generation.start_time,
        ended_at=generation.end_time,
    )
