"""Periodic duties, each with its interval, error boundary and metrics."""

from __future__ import annotations

import logging
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pixel_generation.application.maintenance.ports import DutyObserver, Leadership

log = logging.getLogger(__name__)


def parse_intervals(text: str) -> dict[str, float]:
    """Read `duty=seconds;…`; raise ValueError."""
    intervals: dict[str, float] = {}
    for part in filter(None, (word.strip() for word in text.split(";"))):
        name, _, seconds = part.partition("=")
        intervals[name.strip()] = float(seconds)
        if not 0 < float(seconds) < math.inf:
            raise ValueError(f"the interval of {name.strip()} must be greater than 0")
    return intervals


@dataclass(frozen=True)
class Duty:
    """One periodic duty."""

    name: str
    work: Callable[[], Awaitable[int]]
    """Runs it once and returns how many jobs it changed."""
    needs_lead: bool = True
    """Whether only the leader runs it."""


@dataclass(frozen=True, slots=True)
class DutyResult:
    is_done: bool
    """False when it failed."""
    changed: int = 0


async def run_duty(duty: Duty, *, leadership: Leadership, observer: DutyObserver) -> DutyResult:
    """Run a duty once, if this process should; its errors are counted, logged and not raised."""
    try:
        async with leadership.lead() if duty.needs_lead else nullcontext(enter_result=True) as leading:
            if not leading:
                return DutyResult(is_done=True)
            began_s = time.monotonic()
            changed = await duty.work()
            observer.done(duty.name, time.monotonic() - began_s)
            return DutyResult(is_done=True, changed=changed)
    except PixelError as error:
        log.warning("duty_failed", extra={"duty": duty.name, "reason": error.code, "detail": error.detail})
    except Exception:
        log.exception("duty_broke", extra={"duty": duty.name})
    observer.failed(duty.name)
    return DutyResult(is_done=False)


async def run_all(duties: Iterable[Duty], *, leadership: Leadership, observer: DutyObserver) -> int:
    """Run each duty once, in order; return how many jobs they changed."""
    results = [await run_duty(duty, leadership=leadership, observer=observer) for duty in duties]
    return sum(result.changed for result in results)
