"""A generation is shown as completed only once its set can be read, because clients read the set next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pixel_errors import DeadlineExceeded, NotFound, Unavailable
from pixel_errors.backoff import backoff_s

from pixel_gateway.domain.generation import Generation, Progress, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.application.images.ports import Sets

_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 0.5
_CONCURRENT_LOOKUPS = 16

Known = TypeVar("Known", Generation, Progress)


@dataclass
class _Wait:
    """The lookups of one set and the number of waiting callers."""

    task: asyncio.Task[None]
    waiters: int = 0


class Completion:
    """Caches which sets can be read. A readable set stays readable."""

    def __init__(self, *, sets: Sets, remembered: int = 50_000) -> None:
        self._sets = sets
        self._remembered = remembered
        self._readable: OrderedDict[str, None] = OrderedDict()
        self._waits: dict[str, _Wait] = {}
        self._lookups = asyncio.Semaphore(_CONCURRENT_LOOKUPS)

    async def is_readable(self, set_id: str, user_id: str) -> bool:
        """Return whether the owner can read the set now; False also when unknown."""
        if set_id in self._readable:
            self._readable.move_to_end(set_id)
            return True
        try:
            async with self._lookups:
                await self._sets.get(set_id, user_id)
        except (NotFound, Unavailable, DeadlineExceeded):
            # All three mean that a client could not read the set now.
            return False
        self._remember(set_id)
        return True

    async def wait_readable(self, set_id: str, user_id: str) -> None:
        """Return once the set can be read; callers waiting for one set share the lookups."""
        if set_id in self._readable:
            return
        wait = self._waits.get(set_id)
        if wait is None:
            wait = self._waits[set_id] = _Wait(asyncio.create_task(self._poll(set_id, user_id), name=f"set {set_id}"))
        wait.waiters += 1
        try:
            await asyncio.shield(wait.task)
        finally:
            wait.waiters -= 1
            if not wait.waiters:
                wait.task.cancel()
                self._waits.pop(set_id, None)

    async def comes(self, event: Progress, closing: asyncio.Event) -> bool:
        """Wait until the completed generation's set can be read; False when the process closes first."""
        if event.set_id in self._readable:
            return True
        readable = asyncio.ensure_future(self.wait_readable(event.set_id, event.user_id))
        closes = asyncio.ensure_future(closing.wait())
        try:
            await asyncio.wait({readable, closes}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closes.cancel()
            if not readable.done():
                readable.cancel()
        if not readable.done():
            return False
        readable.result()
        return True

    async def shown(self, known: Known) -> Known:
        """Return a generation, or its last progress, with its visible state."""
        if known.status is not Status.COMPLETED or await self.is_readable(known.set_id, known.user_id):
            return known
        return known.held_back()

    async def all_shown(self, generations: Sequence[Generation]) -> list[Generation]:
        """Return the generations with their visible state, in order."""
        return list(await asyncio.gather(*(self.shown(generation) for generation in generations)))

    async def close(self) -> None:
        """Stop waiting for sets."""
        tasks = [wait.task for wait in self._waits.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self, set_id: str, user_id: str) -> None:
        looks = 0
        while not await self.is_readable(set_id, user_id):
            looks += 1
            await asyncio.sleep(backoff_s(looks, first_s=_FIRST_WAIT_S, longest_s=_LONGEST_WAIT_S))

    def _remember(self, set_id: str) -> None:
        self._readable[set_id] = None
        while len(self._readable) > self._remembered:
            self._readable.popitem(last=False)
