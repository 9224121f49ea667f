"""A service: starts its parts in order, stops them in reverse, checks readiness, handles signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pixel_errors import PixelError

from pixel_runtime.loop import Loop, unless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

__all__ = ["Loop", "Part", "Service", "run"]

_logger = logging.getLogger(__name__)
STOP_WITHIN_S = 25.0
CHECK_WITHIN_S = 2.0
_RESERVE_S = 0.5  # reserved for each part that is stopped after a slow one


class Part(Protocol):
    """A part of a service that is started and stopped."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Return when ready."""
        ...

    async def stop(self) -> None:
        """Stop gracefully and soon; idempotent."""
        ...


@dataclass
class Service:
    """Parts in start order, and readiness checks that raise while not ready."""

    name: str
    parts: Sequence[Part]
    checks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    _started: list[Part] = field(default_factory=list, init=False, repr=False)

    async def start(self) -> None:
        """Start the parts in order; when one fails, stop those already started and raise its error."""
        for part in self.parts:
            try:
                await part.start()
            except BaseException:
                _logger.warning("part_not_started", extra={"service_name": self.name, "part": part.name})
                for error in await self._stop_started(STOP_WITHIN_S):
                    _logger.warning("part_not_stopped", extra={"service_name": self.name}, exc_info=error)
                raise
            self._started.append(part)

    async def stop(self, *, within_s: float = STOP_WITHIN_S) -> None:
        """Stop every started part in reverse order; then raise one ExceptionGroup of all failures."""
        errors = await self._stop_started(within_s)
        if errors:
            raise ExceptionGroup(f"{self.name} did not stop cleanly", errors)

    async def ready(self) -> dict[str, str]:
        """Run all checks concurrently; each result is "ok" or the reason."""
        reasons = await asyncio.gather(*(self._reason(name, check) for name, check in self.checks.items()))
        return dict(zip(self.checks, reasons, strict=True))

    async def _stop_started(self, within_s: float) -> list[Exception]:
        clock = asyncio.get_running_loop().time
        end = clock() + within_s
        errors: list[Exception] = []
        while self._started:
            part = self._started.pop()
            budget_s = max(end - clock() - _RESERVE_S * len(self._started), _RESERVE_S)
            try:
                await asyncio.wait_for(part.stop(), budget_s)
            except Exception as error:  # noqa: BLE001 - raised after the other parts are stopped
                error.add_note(f"while stopping the part {part.name}")
                errors.append(error)
        return errors

    async def _reason(self, name: str, check: Callable[[], Awaitable[None]]) -> str:
        try:
            async with asyncio.timeout(CHECK_WITHIN_S):
                await check()
        except PixelError as error:
            return error.detail
        except TimeoutError:
            return f"no answer within {CHECK_WITHIN_S:g} s"
        except Exception as error:
            # The text may contain hosts or users; it is only logged.
            _logger.warning("check_failed", extra={"check": name}, exc_info=error)
            return type(error).__name__
        return "ok"


async def run(service: Service, *, stop: asyncio.Event | None = None) -> None:
    """Start the service, wait for SIGTERM, SIGINT or `stop`, stop within 25 s; a second signal cancels at once."""
    stopping = stop or asyncio.Event()
    interruption = _Interruption(stopping)
    with interruption.handled():
        if not await unless(stopping, service.start()):
            return
        _logger.info("service_started", extra={"service_name": service.name})
        try:
            await stopping.wait()
        finally:
            if not interruption.is_urgent:
                await service.stop()
        _logger.info("service_stopped", extra={"service_name": service.name})


class _Interruption:
    """The first SIGTERM or SIGINT sets `stopping`, the second cancels the running task."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self.is_urgent = False
        self._stopping = stopping

    @contextmanager
    def handled(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
            yield
            return
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._received, task)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _received(self, task: asyncio.Task[None] | None) -> None:
        if self._stopping.is_set() and task is not None:
            self.is_urgent = True
            task.cancel()
        self._stopping.set()
