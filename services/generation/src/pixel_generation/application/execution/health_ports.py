"""What the health of providers needs from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth


class HealthStore(Protocol):
    """Breakers that all workers share."""

    async def load(self) -> dict[str, ProviderHealth]:
        """Return what is known of each provider; one that never failed may be missing."""

    async def failed(
        self, provider: str, *, policy: BreakerPolicy, draw: float, trip: bool, is_probe: bool
    ) -> ProviderHealth:
        """Count a failure and open the breaker when there were too many in a row, or at once when `trip` says so.

        A failed probe opens it again, for longer. `draw` is uniform in [0, 1).
        """

    async def succeeded(self, provider: str, *, is_probe: bool) -> ProviderHealth:
        """Forget the failures of a closed breaker; a probe closes one that is half open."""

    async def take_probe(self, provider: str, *, policy: BreakerPolicy) -> bool:
        """Make the breaker half open for one call of the asker; False when its time has not come or another asked."""


class HealthObserver(Protocol):
    """Counts what breakers do."""

    def breaker(self, provider: str, state: BreakerState) -> None: ...
    def held_back(self, provider: str) -> None: ...
    def repetition(self, provider: str, *, allowed: bool) -> None: ...
    def fallback_refused(self, provider: str) -> None: ...
