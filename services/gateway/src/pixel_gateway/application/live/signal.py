"""Waking the one task that serves a stream."""

from __future__ import annotations

import asyncio


class Signal:
    """Signals the one task that waits for it; lighter than an Event, of which every stream would hold one."""

    __slots__ = ("_is_due", "_waiter")

    def __init__(self) -> None:
        self._is_due = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let the waiting task go on, or the next one that comes."""
        self._is_due = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def is_awaited(self) -> bool:
        """Whether the task has nothing else to do than to wait."""
        return self._waiter is not None and not self._is_due

    async def wait(self) -> None:
        """Return once it was set since the last time."""
        if not self._is_due:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._is_due = False
