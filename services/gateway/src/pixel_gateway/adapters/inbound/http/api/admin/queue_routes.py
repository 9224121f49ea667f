"""Endpoints of admins on queues."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http.api.admin.parameters import MAX_NAME_CHARS, QueueName
from pixel_gateway.adapters.inbound.http.api.admin.presenters import queue_view
from pixel_gateway.adapters.inbound.http.api.admin.schemas import (
    QueueList,
    QueueView,
    SwitchQueueBody,
    UpdateQueueBody,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, patch, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.operations import QueueChange
from pixel_gateway.domain.rate_limit import LoadClass

_NO_LIMIT = -1
_SWITCH: dict[str, Any] = {
    "access": Access.ADMIN,
    "load_class": LoadClass.CRITICAL,
    "answer": "The changed queue.",
    "example": {"reason": "The provider has an incident"},
}


class AdminQueues(Controller):
    """Queues."""

    tags = ("admin",)

    @get(
        "/api/admin/queues",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="List the queues",
        answer="By name.",
    )
    async def list_queues(self, request: Request) -> QueueList:
        return QueueList([queue_view(queue) for queue in await request.application.operations.list_queues()])

    @post(
        "/api/admin/queues/{queue:str}/pause",
        summary="Pause a queue: it accepts generations and starts none",
        **_SWITCH,
    )
    async def pause(
        self, request: Request, queue: QueueName, data: JsonBody[SwitchQueueBody | None] = None
    ) -> QueueView:
        return await _switched(request, queue, "paused", data)

    @post("/api/admin/queues/{queue:str}/resume", summary="Open a queue", **_SWITCH)
    async def resume(
        self, request: Request, queue: QueueName, data: JsonBody[SwitchQueueBody | None] = None
    ) -> QueueView:
        return await _switched(request, queue, "open", data)

    @post(
        "/api/admin/queues/{queue:str}/drain",
        summary="Drain a queue: it finishes its generations and accepts none",
        **_SWITCH,
    )
    async def drain(
        self, request: Request, queue: QueueName, data: JsonBody[SwitchQueueBody | None] = None
    ) -> QueueView:
        return await _switched(request, queue, "draining", data)

    @patch(
        "/api/admin/queues/{queue:str}",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Change the limits of a queue",
        answer="The changed queue.",
        example={"maxRunning": 20, "reason": "The provider allows more now"},
    )
    async def update(self, request: Request, queue: QueueName, data: JsonBody[UpdateQueueBody]) -> QueueView:
        if data.max_running is msgspec.UNSET and data.max_queued is msgspec.UNSET:
            message = "has to change maxRunning or maxQueued"
            raise InvalidRequest(f"The body {message}.", violations=(Violation("maxRunning", message),))
        max_running = _NO_LIMIT if data.max_running is None else data.max_running
        change = QueueChange(
            queue=queue[:MAX_NAME_CHARS],
            actor=request.user_id,
            max_running=None if max_running is msgspec.UNSET else max_running,
            max_queued=None if data.max_queued is msgspec.UNSET else data.max_queued,
            reason=data.reason,
        )
        return queue_view(await request.application.operations.update_queue(change))


async def _switched(request: Request, queue: str, state: str, body: SwitchQueueBody | None) -> QueueView:
    change = QueueChange(
        queue[:MAX_NAME_CHARS], request.user_id, state=state, reason="" if body is None else body.reason
    )
    return queue_view(await request.application.operations.update_queue(change))
