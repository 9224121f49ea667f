"""Circuit breaker and retry budget of a provider."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class BreakerState(StrEnum):
    """The state of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One probe call is made."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Limits and times of a breaker."""

    max_failures: int = 10
    """Consecutive failures, over all workers, that open it."""
    window_s: float = 30.0
    min_calls: int = 20
    max_failure_share: float = 0.5
    """Failure rate of at least `min_calls` calls of a worker within the window that opens it."""
    first_open_s: float = 2.0
    max_open_s: float = 60.0
    """Each opening lasts twice as long as the one before, half of it jitter, so that workers do not probe together."""
    probe_s: float = 60.0
    """A probe without an outcome is lost after this time, and another may be made."""


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """The stored state of a breaker, common to all workers."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    """Failures since the last success."""
    open_until: datetime | None = None
    """Open: no probe before. Half open: the probe counts as lost then."""


@dataclass
class CallWindow:
    """Counts of recent calls, failures and retries."""

    window_s: float
    calls: deque[tuple[float, bool]] = field(default_factory=deque)
    repetitions: deque[float] = field(default_factory=deque)

    def called(self, at_s: float, *, failed: bool) -> None:
        self.calls.append((at_s, failed))
        self._forget(at_s)

    def failure_share(self, at_s: float) -> tuple[int, float]:
        """Return the number of calls and the share that failed."""
        self._forget(at_s)
        count = len(self.calls)
        return count, sum(failed for _, failed in self.calls) / count if count else 0.0

    def may_repeat(self, at_s: float, *, share: float, at_least: int) -> bool:
        """Take one retry from the budget: a share of the calls, or a minimum when there are few."""
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
