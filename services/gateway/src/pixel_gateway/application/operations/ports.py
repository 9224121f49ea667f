"""Ports of the use cases of operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from pixel_gateway.domain.operations import (
        Action,
        FailureFilter,
        FailurePage,
        Processed,
        Queue,
        QueueChange,
        QueueStatus,
        Redrive,
        Redriven,
        Stats,
    )


class QueueOperations(Protocol):
    """The queue."""

    async def status(self) -> QueueStatus:
        """Return queued and running jobs of every queue."""

    async def process(self) -> Processed:
        """Signal the workers and sweep once."""

    async def queues(self) -> list[Queue]:
        """Return the queues by name."""

    async def update_queue(self, change: QueueChange) -> Queue:
        """Open, pause or drain a queue, or change its limits; raise NotFound."""


class FailedGenerations(Protocol):
    """Failed work, for operators."""

    async def page(self, wanted: FailureFilter, *, limit: int, cursor: str) -> FailurePage:
        """Return a page, newest first."""

    async def redrive(self, redrive: Redrive) -> Redriven:
        """Retry failures that match a filter, or return them in a dry run."""


class Records(Protocol):
    """Statistics and actions."""

    async def stats(self, user_id: str, from_time: datetime | None, to_time: datetime | None) -> Stats:
        """Return sums over ended generations of a user; an empty id means all users."""

    async def actions(
        self, *, user_id: str = "", generation_id: str = "", limit: int, cursor: str = ""
    ) -> tuple[list[Action], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""
