"""Rate limits of a caller by class of requests, and their header fields.

The limit is the generic cell rate algorithm (ITU-T I.371; as a web limiter: brandur.org/rate-limiting): no timer, no
fixed window, one number for each caller. A caller reads it in the two fields of
draft-ietf-httpapi-ratelimit-headers-11: the policy (q in w seconds) and what the caller has left (r in the next t).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pixel_errors import Exhausted

if TYPE_CHECKING:
    from typing import Self

_MICROSECONDS = 1_000_000


class LoadClass(StrEnum):
    """Classes of requests, in the order in which they are refused."""

    CREATE = "create"
    READ = "read"
    STATUS = "status"
    CRITICAL = "critical"
    """Billing, cancels and operations."""
    UNLIMITED = "unlimited"
    """Health checks: refusing them would turn an overload into an outage."""


class RateLimited(Exhausted):
    """More requests than this policy allows; `Retry-After` says when the next one is allowed."""

    reason = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class Policy:
    """A number of requests in a number of seconds, also as a burst."""

    name: str
    quota: int
    window_s: int = 60

    def __post_init__(self) -> None:
        if self.quota < 1 or self.window_s < 1:
            raise ValueError(f"a policy needs a quota and a window of at least 1, not {self.quota} and {self.window_s}")

    @property
    def window_us(self) -> int:
        """Microseconds of the window: the size of a caller's bucket."""
        return self.window_s * _MICROSECONDS

    @property
    def request_us(self) -> int:
        """Microseconds of the window that a request takes, at least 1."""
        return max(1, self.window_us // self.quota)


def policies(*, creates: int, reads: int, status_reads: int, critical: int) -> dict[LoadClass, Policy]:
    """Return the policies of these requests per minute; 0 is no policy."""
    per_minute = {
        LoadClass.CREATE: ("gen", creates),
        LoadClass.READ: ("read", reads),
        LoadClass.STATUS: ("status", status_reads),
        LoadClass.CRITICAL: ("critical", critical),
    }
    return {load_class: Policy(name, quota) for load_class, (name, quota) in per_minute.items() if quota}


@dataclass(frozen=True, slots=True)
class RemainingQuota:
    """The remaining quota of a caller after a request."""

    policy: Policy
    remaining: int
    """Requests allowed now; no more are allowed within the next `refill_s`."""
    refill_s: float
    """Seconds until one more is allowed."""
    whole_s: float
    """Seconds until the whole quota is available."""

    @classmethod
    def at(cls, policy: Policy, level_us: int) -> Self:
        """Return the remaining quota of a bucket's level."""
        room_us = max(policy.window_us - level_us, 0)
        remaining = min(room_us // policy.request_us, policy.quota)
        to_next_us = (remaining + 1) * policy.request_us - room_us if remaining < policy.quota else 0
        return cls(policy, remaining, to_next_us / _MICROSECONDS, level_us / _MICROSECONDS)

    def fields(self) -> tuple[str, str]:
        """Return the values of RateLimit-Policy and RateLimit (structured fields, RFC 9651)."""
        policy = self.policy
        return (
            f'"{policy.name}";q={policy.quota};w={policy.window_s}',
            f'"{policy.name}";r={self.remaining};t={math.ceil(self.refill_s)}',
        )
