"""No change waits for ever, whenever it comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from pixel_errors import Unavailable
from pixel_generation.adapters.outbound.postgres.group_commit import GroupCommit
from pixel_generation.adapters.outbound.postgres.jobs import CHANGES
from pixel_postgres import Pool
from pixel_runtime.ids import new_id

SEED = 1
ROUNDS = 2_000
WRITERS = 4


class AwayPool:
    """A database that says after a moment that it is away."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self.is_away = True

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[None]:
        await steps(self._draw.randint(1, 4))
        if self.is_away:
            raise Unavailable("The database is away.")
        yield


async def steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_change_that_comes_as_the_last_statement_ends_is_written_too() -> None:
    draw = random.Random(SEED)

    async def write(changes: GroupCommit, after: int) -> str:
        await steps(after)
        try:
            await changes.write(new_id(), {})
        except Unavailable as error:
            return error.code
        return "written"

    async with asyncio.timeout(60):
        for _ in range(ROUNDS):
            changes = GroupCommit(cast("Pool", AwayPool(draw)), CHANGES["advance_jobs"])
            told = await asyncio.gather(*(write(changes, draw.randint(0, 9)) for _ in range(WRITERS)))
            assert set(told) == {"UNAVAILABLE"}
