"""Wakes the task that serves a stream."""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes the one waiting task; smaller than an asyncio.Event, as every stream has one."""

    __slots__ = ("_is_due", "_waiter")

    def __init__(self) -> None:
        self._is_due = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake the waiting task, or the next one that waits."""
        self._is_due = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def is_awaited(self) -> bool:
        """Whether the task is waiting."""
        return self._waiter is not None and not self._is_due

    async def wait(self) -> None:
        """Return once it was set since the last wait."""
        if not self._is_due:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._is_due = False
