"""When calls to a provider pause, and how many of them may be repetitions."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class BreakerState(StrEnum):
    """Whether a provider is called."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One call finds out."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long."""

    max_failures: int = 10
    """Failures in a row, over all workers, that open it."""
    window_s: float = 30.0
    min_calls: int = 20
    max_failure_share: float = 0.5
    """Of at least `min_calls` calls of a worker within the window: more failures open it."""
    first_open_s: float = 2.0
    max_open_s: float = 60.0
    """An opening lasts twice as long as the one before, half of it by chance, so that workers do not probe in step."""
    probe_s: float = 60.0
    """A probe without an outcome is lost after this time and another may be made."""


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A breaker as it is stored for all workers."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    """Failures since the last success."""
    open_until: datetime | None = None
    """Open: no probe before. Half open: the probe counts as lost then."""


@dataclass
class CallWindow:
    """Calls of the last seconds and how many of them failed or were repetitions."""

    window_s: float
    calls: deque[tuple[float, bool]] = field(default_factory=deque)
    repetitions: deque[float] = field(default_factory=deque)

    def called(self, at_s: float, *, failed: bool) -> None:
        self.calls.append((at_s, failed))
        self._forget(at_s)

    def failure_share(self, at_s: float) -> tuple[int, float]:
        """Return how many calls there were and which part of them failed."""
        self._forget(at_s)
        count = len(self.calls)
        return count, sum(failed for _, failed in self.calls) / count if count else 0.0

    def may_repeat(self, at_s: float, *, share: float, at_least: int) -> bool:
        """Take one repetition from the budget: a share of the calls, or a few where there are few calls."""
        self._forget(at_s)
        if len(self.repetitions) >= max(at_least, share * len(self.calls)):
            return False
        self.repetitions.append(at_s)
        return True

    def _forget(self, at_s: float) -> None:
        while self.calls and self.calls[0][0] <= at_s - self.window_s:
            self.calls.popleft()
        while self.repetitions and self.repetitions[0] <= at_s - self.window_s:
            self.repetitions.popleft()
