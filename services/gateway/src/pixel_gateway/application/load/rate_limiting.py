"""Rate limiting of each caller's requests by the policy of their kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from pixel_errors import Unavailable

from pixel_gateway.domain.rate_limit import LoadClass, Policy, RateLimited, RemainingQuota

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REST_S = 5.0
"""Seconds the shared counters are not used after a failure, so that it delays one request in many."""


class Buckets(Protocol):
    """Leaky buckets by key."""

    async def take(self, key: str, amount_us: int, *, capacity_us: int) -> tuple[bool, int]:
        """Add the amount unless it overflows; return whether it was added and the level. Raises Unavailable."""


class RateLimitObserver(Protocol):
    """Counts rate limiting."""

    def limited(self, policy: str) -> None: ...
    def counted_alone(self) -> None:
        """Count a request that only this process counted, because the shared counters failed."""


class RateLimiter:
    """Counts in the shared buckets; after a failure in those of this process."""

    def __init__(
        self,
        policies: Mapping[LoadClass, Policy],
        *,
        shared: Buckets,
        own: Buckets,
        observer: RateLimitObserver,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policies = policies
        self._shared = shared
        self._own = own
        self._observer = observer
        self._monotonic = monotonic
        self._rests_until = 0.0

    async def count(self, load_class: LoadClass, caller: str) -> tuple[RemainingQuota | None, RateLimited | None]:
        """Count a request; return what its caller has left (None: no limit) and its rejection, if any."""
        policy = self._policies.get(load_class)
        if policy is None:
            return None, None
        accepted, level_us = await self._take(policy, f"rate:{policy.name}:{caller}")
        quota = RemainingQuota.at(policy, level_us)
        if accepted:
            return quota, None
        self._observer.limited(policy.name)
        text = f"At most {policy.quota} requests in {policy.window_s} seconds; the next one fits later."
        return quota, RateLimited(text, metadata={"policy": policy.name}, retry_after_s=quota.refill_s)

    async def _take(self, policy: Policy, key: str) -> tuple[bool, int]:
        if self._monotonic() >= self._rests_until:
            try:
                return await self._shared.take(key, policy.request_us, capacity_us=policy.window_us)
            except Unavailable:
                self._rests_until = self._monotonic() + _REST_S
        self._observer.counted_alone()
        return await self._own.take(key, policy.request_us, capacity_us=policy.window_us)
