"""Rate limits: how many requests of each class a caller may send, and the header fields that say so.

The limit is the generic cell rate algorithm (ITU-T I.371; as a web limiter: brandur.org/rate-limiting): no timer, no
window that begins anew, one number for each caller. A caller reads it in the two fields of
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
    """Classes of requests, the first to be refused first."""

    CREATE = "create"
    READ = "read"
    STATUS = "status"
    CRITICAL = "critical"
    """Money, cancels and the work of operators."""
    UNLIMITED = "unlimited"
    """What supervisors ask: refusing it would turn an overload into an outage."""


class RateLimited(Exhausted):
    """More requests came than this policy allows; `Retry-After` says when the next one fits."""

    reason = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds, at any moment and as a burst."""

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
    """Return the policies of so many requests a minute; 0 is no policy."""
    per_minute = {
        LoadClass.CREATE: ("gen", creates),
        LoadClass.READ: ("read", reads),
        LoadClass.STATUS: ("status", status_reads),
        LoadClass.CRITICAL: ("critical", critical),
    }
    return {load_class: Policy(name, quota) for load_class, (name, quota) in per_minute.items() if quota}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller has left after a request."""

    policy: Policy
    remaining: int
    """Requests that fit now; no more fit within the next `refill_s`."""
    refill_s: float
    """Seconds until one more fits."""
    whole_s: float
    """Seconds until the whole quota is there again."""

    @classmethod
    def at(cls, policy: Policy, level_us: int) -> Self:
        """Read a bucket's level."""
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
