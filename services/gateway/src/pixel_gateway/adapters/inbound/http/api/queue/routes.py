"""Endpoints of the queue and of the caller's statistics."""

from __future__ import annotations

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.queue.presenters import queued_view, stats_fields
from pixel_gateway.adapters.inbound.http.api.queue.schemas import (
    ProcessedView,
    QueuedView,
    QueueStatusView,
    StatsView,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import get, post
from pixel_gateway.adapters.inbound.http.routing.parameters import FROM, TO, IdInPath
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.rate_limit import LoadClass


class Queue(Controller):
    """The queue."""

    tags = ("queue",)

    @get(
        "/api/queue/status",
        load_class=LoadClass.STATUS,
        summary="Length of the queue",
        answer="Queued and running generations of all users, times in seconds.",
    )
    async def view_status(self, request: Request) -> QueueStatusView:
        return to_struct(await request.application.operations.view_queue_status(), QueueStatusView)

    @get(
        "/api/queue/status/{id:str}",
        load_class=LoadClass.STATUS,
        summary="Queue position of a generation",
        answer="Its position, its hold reason and its expected start.",
    )
    async def view_position(self, request: Request, generation_id: IdInPath) -> QueuedView:
        require_id("gen", generation_id)
        return queued_view(await request.application.generations.view(request.user_id, generation_id))

    @post(
        "/api/queue/process",
        access=Access.PROCESSOR,
        load_class=LoadClass.CRITICAL,
        summary="Signal the workers and sweep once",
        answer="The result of the pass.",
        description="For a scheduler. Requires the secret of QUEUE_PROCESSOR_SECRET as `x-queue-secret` or as a "
        "bearer token; the queue also works without this call.",
        problems={403: "QUEUE_SECRET_NOT_SET: it is disabled until a secret is set."},
    )
    async def process(self, request: Request) -> ProcessedView:
        return to_struct(await request.application.operations.process_queue(), ProcessedView)

    @get(
        "/api/stats/generations",
        load_class=LoadClass.READ,
        summary="Your statistics",
        answer="Sums over ended generations of the last 30 days, or of the requested ones.",
        parameters=(FROM, TO),
    )
    async def view_stats(self, request: Request) -> StatsView:
        query = request.query
        return StatsView(
            **stats_fields(await request.application.operations.view_stats(request.user_id, query[FROM], query[TO]))
        )
