"""The clock: a loop for each duty, so that one that takes long or fails delays no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors.backoff import backoff_s
from pixel_runtime.loop import pause
from pixel_runtime.service import Loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from pixel_generation.application.maintenance.duty import Duty, DutyResult

LONGEST_PAUSE_S = 30.0
"""Between two tries of a duty that fails, unless its own interval is longer."""


def duty_loop(
    duty: Duty, do: Callable[[Duty], Awaitable[DutyResult]], interval_s: float, *, after_s: float = 0.0
) -> Loop:
    """Do the duty after `after_s` and after each pause; one that fails is tried again less and less often."""

    async def body(stop: asyncio.Event) -> None:
        if after_s:
            await pause(stop, after_s)
        failures = 0
        while not stop.is_set():
            result = await do(duty)
            failures = 0 if result.is_done else failures + 1
            pause_s = backoff_s(failures, first_s=interval_s, longest_s=max(interval_s, LONGEST_PAUSE_S))
            await pause(stop, pause_s)

    return Loop(_name(duty), body)


def nightly_loop(
    duty: Duty, do: Callable[[Duty], Awaitable[DutyResult]], seconds_until_night: Callable[[], float]
) -> Loop:
    """Do the duty each night."""

    async def body(stop: asyncio.Event) -> None:
        while True:
            await pause(stop, seconds_until_night())
            if stop.is_set():
                return
            await do(duty)

    return Loop(_name(duty), body)


def _name(duty: Duty) -> str:
    return f"generation-{duty.name.replace('_', '-')}"
