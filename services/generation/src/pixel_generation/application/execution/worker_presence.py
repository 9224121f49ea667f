"""Reports live workers to operators, busy or idle."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pixel_errors import PixelError

if TYPE_CHECKING:
    from pixel_generation.application.execution.ports import WorkerRegistry
    from pixel_generation.application.ports import Catalogues

log = logging.getLogger(__name__)

BEAT_S = 5.0
"""Interval of heartbeats; a worker without three of them is not counted."""


class WorkerPresence:
    """Sends a heartbeat every `beat_s`. A failure affects the operators' view only."""

    name = "worker-presence"

    def __init__(
        self, worker_id: str, register: WorkerRegistry, catalogue: Catalogues, *, slots: int, beat_s: float = BEAT_S
    ) -> None:
        self._id = worker_id
        self._register = register
        self._catalogue = catalogue
        self._slots = slots
        self._beat_s = beat_s
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._beating = asyncio.create_task(self._beat_forever())

    async def stop(self) -> None:
        """Delete the worker, so that a stopped one is not counted."""
        if self._beating is None:
            return
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._beating = None
        try:
            await self._register.left(self._id)
        except PixelError as error:
            log.warning("worker_not_deleted", extra={"reason": error.code})

    async def _beat_forever(self) -> None:
        while True:
            try:
                queues = (await self._catalogue.current()).queues()
                await self._register.seen(self._id, queues=queues, slots=self._slots)
            except PixelError as error:
                log.warning("heartbeat_not_recorded", extra={"reason": error.code})
            await asyncio.sleep(self._beat_s)
