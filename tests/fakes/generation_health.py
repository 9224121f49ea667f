"""Provider breakers in memory."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth

from tests.fakes.generation import FakeClock


class FakeHealthStore:
    """The same rules as the real table."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.rows: dict[str, ProviderHealth] = {}
        self.trouble: Exception | None = None

    async def load(self) -> dict[str, ProviderHealth]:
        if self.trouble is not None:
            raise self.trouble
        return dict(self.rows)

    async def failed(
        self, provider: str, *, policy: BreakerPolicy, draw: float, trip: bool, is_probe: bool
    ) -> ProviderHealth:
        if self.trouble is not None:
            raise self.trouble
        row = self.rows.get(provider, ProviderHealth())
        if row.state is BreakerState.CLOSED or (row.state is BreakerState.HALF_OPEN and is_probe):
            failures = row.failures + 1
            if row.state is BreakerState.HALF_OPEN or failures >= policy.max_failures or trip:
                longest = min(policy.max_open_s, policy.first_open_s * 2 ** max(0, failures - policy.max_failures))
                until = self.clock.now() + timedelta(seconds=(0.5 + draw / 2) * longest)
                row = ProviderHealth(BreakerState.OPEN, failures, until)
            else:
                row = ProviderHealth(row.state, failures, row.open_until)
        self.rows[provider] = row
        return row

    async def succeeded(self, provider: str, *, is_probe: bool) -> ProviderHealth:
        if self.trouble is not None:
            raise self.trouble
        row = self.rows.get(provider, ProviderHealth())
        if row.state is BreakerState.CLOSED or (row.state is BreakerState.HALF_OPEN and is_probe):
            row = ProviderHealth()
            self.rows[provider] = row
        return row

    async def take_probe(self, provider: str, *, policy: BreakerPolicy) -> bool:
        if self.trouble is not None:
            raise self.trouble
        row = self.rows.get(provider, ProviderHealth())
        now = self.clock.now()
        if row.open_until is None or row.open_until > now:
            return False
        until = now + timedelta(seconds=policy.probe_s)
        self.rows[provider] = ProviderHealth(BreakerState.HALF_OPEN, row.failures, until)
        return True


class FakeHealthObserver:
    def __init__(self) -> None:
        self.states: dict[str, BreakerState] = {}
        self.held: Counter[str] = Counter()
        self.repetitions: Counter[bool] = Counter()
        self.refused_fallbacks: Counter[str] = Counter()

    def breaker(self, provider: str, state: BreakerState) -> None:
        self.states[provider] = state

    def held_back(self, provider: str) -> None:
        self.held[provider] += 1

    def repetition(self, provider: str, *, allowed: bool) -> None:
        self.repetitions[allowed] += 1

    def fallback_refused(self, provider: str) -> None:
        self.refused_fallbacks[provider] += 1
