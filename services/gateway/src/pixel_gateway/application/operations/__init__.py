"""Queues, statistics and failed work.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from pixel_gateway.application.operations.monitor import Monitored
    from pixel_gateway.domain.operations import (
        Action,
        FailurePage,
        Processed,
        Queue,
        QueueChange,
        QueueStatus,
        Redrive,
        Redriven,
        Stats,
    )


@dataclass(frozen=True, kw_only=True)
class OperationUseCases:
    """Queues, statistics and failed work."""

    monitor: Callable[[], Awaitable[Monitored]]
    view_queue_status: Callable[[], Awaitable[QueueStatus]]
    process_queue: Callable[[], Awaitable[Processed]]
    list_queues: Callable[[], Awaitable[list[Queue]]]
    update_queue: Callable[[QueueChange], Awaitable[Queue]]
    view_stats: Callable[[str, datetime | None, datetime | None], Awaitable[Stats]]
    list_actions: Callable[..., Awaitable[tuple[list[Action], str]]]
    list_failures: Callable[..., Awaitable[FailurePage]]
    redrive_failures: Callable[[Redrive], Awaitable[Redriven]]
