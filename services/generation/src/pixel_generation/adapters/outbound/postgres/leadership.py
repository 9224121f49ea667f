"""Leadership over the duties by an advisory lock."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from pixel_postgres import Pool, leading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOCK = "pixel_generation.sweep"


class PostgresLeadership:
    """Every write of a duty is fenced, so the lock saves work and guards nothing.

    The duties of a process share one lead, and with it one connection: the first takes it, the last gives it back.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._changing = asyncio.Lock()
        self._holders = 0
        self._lead = AsyncExitStack()

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[bool]:
        if not await self._take():
            yield False
            return
        try:
            yield True
        finally:
            await self._give_back()

    async def _take(self) -> bool:
        async with self._changing:
            if self._holders == 0 and not await self._begin():
                return False
            self._holders += 1
            return True

    async def _begin(self) -> bool:
        async with AsyncExitStack() as stack:
            conn = await stack.enter_async_context(self._pool.autocommit())
            if await stack.enter_async_context(leading(conn, LOCK)):
                self._lead = stack.pop_all()
                return True
        return False

    async def _give_back(self) -> None:
        async with self._changing:
            self._holders -= 1
            if self._holders == 0:
                await self._lead.aclose()
