"""Pauses calls to a failing provider, and limits the share of retries."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, CallWindow, ProviderHealth
from pixel_generation.domain.providers.provider import Outcome, ProviderError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_generation.application.execution.ports import HealthObserver, HealthStore

log = logging.getLogger(__name__)

MAX_AGE_S = 2.0
REPEAT_WINDOW_S = 60.0
REPEAT_SHARE = 0.1
REPEAT_AT_LEAST = 10
"""Minimum of retries allowed within the window, when a tenth of the calls is fewer."""


@dataclass
class _Probe:
    """The probe call of this worker to a half-open provider."""

    until_s: float
    is_lent: bool = True
    began: bool = False


class HealthOfProviders:
    """One worker's view of the breakers of all workers.

    While the store is unreachable the last view is kept: jobs cannot be claimed then anyway.
    """

    def __init__(
        self,
        store: HealthStore,
        observer: HealthObserver,
        draw: Callable[[], float],
        *,
        policy: BreakerPolicy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._observer = observer
        self._draw = draw
        self._policy = policy or BreakerPolicy()
        self._monotonic = monotonic
        self._known: dict[str, ProviderHealth] = {}
        self._loaded_at = float("-inf")
        self._calls: defaultdict[str, CallWindow] = defaultdict(lambda: CallWindow(self._policy.window_s))
        self._repeats: defaultdict[str, CallWindow] = defaultdict(lambda: CallWindow(REPEAT_WINDOW_S))
        self._probes: dict[str, _Probe] = {}

    async def claimable(self, provider: str, free: int) -> int:
        """Return how many of `free` jobs may start now: all, none, or one as a probe."""
        if (await self._current()).get(provider, ProviderHealth()).state is BreakerState.CLOSED:
            return free
        if free > 0 and await self._may_probe(provider):
            return 1
        self._observer.held_back(provider)
        return 0

    def unclaimed(self, provider: str) -> None:
        """Keep the unused probe for the next job."""
        probe = self._probes.get(provider)
        if probe is not None and not probe.began:
            probe.is_lent = False

    def began(self, provider: str) -> bool:
        """Record the start of a call; return whether it is the probe, which is passed again at its end."""
        probe = self._probes.get(provider)
        if probe is None or not probe.is_lent or probe.began:
            return False
        probe.began = True
        return True

    async def succeeded(self, provider: str, *, is_probe: bool) -> None:
        """Record that the provider responded, also with a rejection of this request."""
        self._ended(provider, failed=False, is_probe=is_probe)
        if is_probe or self._known.get(provider, ProviderHealth()).failures:
            await self._record(provider, self._store.succeeded(provider, is_probe=is_probe))

    async def failed(self, provider: str, error: ProviderError, *, is_probe: bool) -> None:
        """Record a failed call; only failures that can affect other calls count against the provider."""
        if not (error.retryable or error.outcome is Outcome.UNKNOWN):
            await self.succeeded(provider, is_probe=is_probe)
            return
        self._ended(provider, failed=True, is_probe=is_probe)
        count, share = self._calls[provider].failure_share(self._monotonic())
        trip = count >= self._policy.min_calls and share > self._policy.max_failure_share
        draw = self._draw()
        write = self._store.failed(provider, policy=self._policy, draw=draw, trip=trip, is_probe=is_probe)
        await self._record(provider, write)

    def gave_up(self, provider: str, *, is_probe: bool) -> None:
        """Record a call that says nothing about the provider."""
        if is_probe:
            self._probes.pop(provider, None)

    def may_repeat(self, provider: str) -> bool:
        """Take one retry from the provider's budget."""
        allowed = self._repeats[provider].may_repeat(self._monotonic(), share=REPEAT_SHARE, at_least=REPEAT_AT_LEAST)
        self._observer.repetition(provider, allowed=allowed)
        return allowed

    def fallback_refused(self, provider: str) -> None:
        """Count a fallback to this provider that a budget refused."""
        self._observer.fallback_refused(provider)

    def _ended(self, provider: str, *, failed: bool, is_probe: bool) -> None:
        at_s = self._monotonic()
        self._calls[provider].called(at_s, failed=failed)
        self._repeats[provider].called(at_s, failed=failed)
        if is_probe:
            self._probes.pop(provider, None)

    async def _may_probe(self, provider: str) -> bool:
        """Return the probe call, if this worker has it or can take it."""
        probe = self._probes.get(provider)
        if probe is not None and probe.until_s > self._monotonic():
            if probe.is_lent:
                return False
            probe.is_lent = True
            return True
        until_s = self._monotonic() + self._policy.probe_s
        try:
            if not await self._store.take_probe(provider, policy=self._policy):
                return False
        except PixelError as error:
            log.warning("probe_not_taken", extra={"provider": provider, "reason": error.code})
            return False
        self._probes[provider] = _Probe(until_s)
        self._note(provider, ProviderHealth(BreakerState.HALF_OPEN, self._known[provider].failures))
        return True

    async def _current(self) -> dict[str, ProviderHealth]:
        if self._monotonic() - self._loaded_at >= MAX_AGE_S:
            self._loaded_at = self._monotonic()
            try:
                loaded = await self._store.load()
            except PixelError as error:
                log.warning("health_not_read", extra={"reason": error.code})
            else:
                for provider, health in loaded.items():
                    self._note(provider, health)
        return self._known

    async def _record(self, provider: str, write: Awaitable[ProviderHealth]) -> None:
        try:
            self._note(provider, await write)
        except PixelError as error:
            log.warning("health_not_written", extra={"provider": provider, "reason": error.code})

    def _note(self, provider: str, health: ProviderHealth) -> None:
        if self._known.get(provider, ProviderHealth()).state is not health.state:
            log.warning("provider_breaker", extra={"provider": provider, "state": health.state.value})
        self._known[provider] = health
        self._observer.breaker(provider, health.state)
