"""Doors of the queue and of the caller's statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import work_bodies as bodies
from pixel_gateway.adapters.inbound.http.bodies import Eta
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.generations import FROM, TO
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from typing import Any

    from pixel_gateway.application import Application
    from pixel_gateway.domain.generation import Generation
    from pixel_gateway.domain.operations import Stats


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    engine = app.engine.ports

    async def status(call: Call) -> Reply:
        call.query()
        return json_reply(shown(await engine.queue.status(), bodies.QueueStatusView))

    async def one(call: Call) -> Reply:
        call.query()
        return json_reply(_queued_view(await app.view_generation(call.user_id, call.id_in_path("gen"))))

    async def process(call: Call) -> Reply:
        call.query()
        return json_reply(shown(await engine.queue.process(), bodies.ProcessedView))

    async def stats(call: Call) -> Reply:
        query = call.query("from", "to")
        found = await engine.records.stats(call.user_id, query.moment("from"), query.moment("to"))
        return json_reply(bodies.StatsView(**stats_fields(found)))

    return [
        Door(
            "GET",
            "/api/queue/status",
            status,
            "How long the queue is",
            {200: Answer("Waiting and running generations of everybody, times in seconds.", bodies.QueueStatusView)},
            tag="queue",
        ),
        Door(
            "GET",
            "/api/queue/status/{id:str}",
            one,
            "Where a generation stands in the queue",
            {200: Answer("Its position, what it waits for and when it is expected to start.", bodies.QueuedView)},
            tag="queue",
        ),
        Door(
            "POST",
            "/api/queue/process",
            process,
            "Signal the workers and sweep once",
            {200: Answer("What the pass did.", bodies.ProcessedView)},
            access=Access.PROCESSOR,
            description="For a scheduler. Wants the secret of QUEUE_PROCESSOR_SECRET as `x-queue-secret` or as a "
            "bearer token; the queue also works without it.",
            tag="queue",
            problems={403: "QUEUE_SECRET_NOT_SET: nobody may use it until a secret is set."},
        ),
        Door(
            "GET",
            "/api/stats/generations",
            stats,
            "Your statistics",
            {200: Answer("Sums over ended generations of the last 30 days, or of the asked ones.", bodies.StatsView)},
            tag="queue",
            parameters=(FROM, TO),
        ),
    ]


def stats_fields(stats: Stats) -> dict[str, Any]:
    """Return the fields of a body of statistics."""
    return {
        "total_generations": stats.total_generations,
        "successful_generations": stats.successful_generations,
        "failed_generations": stats.failed_generations,
        "cancelled_generations": stats.cancelled_generations,
        "average_processing_time": stats.average_seconds,
        "total_tokens_used": stats.total_credits,
        "popular_models": [bodies.PopularModel(each.model, each.generations) for each in stats.models],
        "models": [shown(each, bodies.ModelStatsView) for each in stats.models],
        "days": [shown(each, bodies.DayStatsView) for each in stats.days],
        "credits_by_feature": stats.credits_by_feature,
        "retries": stats.retries,
    }


def _queued_view(generation: Generation) -> bodies.QueuedView:
    waits = generation.status is Status.QUEUED
    eta = generation.eta_s if waits else None
    return bodies.QueuedView(
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
