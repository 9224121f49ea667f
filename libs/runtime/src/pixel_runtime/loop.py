"""A background loop: started, restarted when it fails, stopped gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING

from pixel_errors.backoff import backoff_s

from pixel_runtime.metrics import LOOP_FAILURES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_logger = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 60.0  # after a run this long the pauses start again from the first


class Loop:
    """Run `body` as a task until it returns or the loop is stopped; when it raises, log, pause and run it again."""

    def __init__(self, name: str, body: Callable[[asyncio.Event], Awaitable[None]], *, grace_s: float = 20.0) -> None:
        self.name = name
        self._body = body
        self._grace_s = grace_s
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = LOOP_FAILURES.labels(name)

    async def start(self) -> None:
        """Start the task and return; does nothing when it is started."""
        if self._task is None or self._task.done():
            self._stop.clear()
            self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Set the body's stop event, wait `grace_s`, then cancel it."""
        self._stop.set()
        task, self._task = self._task, None
        if task is None:
            return
        try:
            await asyncio.wait({task}, timeout=self._grace_s)
        finally:
            if not task.done():
                _logger.warning("loop_cancelled", extra={"loop": self.name})
                task.cancel()
        await asyncio.wait({task})

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while not self._stop.is_set():
            began = clock()
            try:
                await self._body(self._stop)
            except Exception:
                failures = 1 if clock() - began >= _HEALTHY_AFTER_S else failures + 1
                self._failures.inc()
                _logger.exception("loop_failed", extra={"loop": self.name})
                draw = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
                pause_s = backoff_s(failures, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, draw=draw)
                await pause(self._stop, pause_s)
            else:
                return


def every(
    interval_s: float, work: Callable[[], Awaitable[object]], *, once_more: bool = False
) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that calls `work` now and after each pause; with `once_more` also when it is stopped."""

    async def body(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await work()
            await pause(stop, interval_s)
        if once_more:
            await work()

    return body


async def unless(stop: asyncio.Event, work: Coroutine[None, None, object]) -> bool:
    """Do the work, but cancel it as soon as `stop` is set; return whether it was done."""
    working, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
    if working.cancelled():
        return False
    working.result()
    return True


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, at most until `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
