"""Load control: admission of a request by its class, and the rate limit of its caller."""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING, Any

from pixel_gateway.adapters.inbound.http.routing.endpoint import ErrorFormat
from pixel_gateway.adapters.inbound.http.routing.error_responses import error_format_of
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from pixel_gateway.adapters.inbound.http.routing.responses import Header
    from pixel_gateway.application.load.admission import Admission, InFlight
    from pixel_gateway.application.load.rate_limiting import RateLimiter
    from pixel_gateway.domain.rate_limit import RemainingQuota

_IPV6_NETWORK_BITS = 64


class LoadControl:
    """Admission by load class, then the caller's rate limit. Without either nothing is refused."""

    def __init__(self, admission: Admission | None = None, limiter: RateLimiter | None = None) -> None:
        self._admission = admission
        self._limiter = limiter

    def admit(self, load_class: LoadClass, scope: Any) -> None:
        """Hold a slot until the response is ready, without sending it; raise Overloaded."""
        if self._admission is None or load_class is LoadClass.UNLIMITED:
            return
        flight = self._admission.admit(load_class, scope.get("path_template") or "")
        scope["state"]["in_flight"] = flight
        scope["state"]["held"].enter_context(flight)

    async def count(self, load_class: LoadClass, scope: Any, user_id: str) -> None:
        """Count the request of a caller and store what is left; raise RateLimited."""
        if self._limiter is None or load_class is LoadClass.UNLIMITED:
            return
        quota, rejection = await self._limiter.count(load_class, user_id or _network_of(scope))
        scope["state"]["quota"] = quota
        if rejection is not None:
            raise rejection


def release_slot(scope: Any) -> None:
    """Release the slot of a request whose response is ready, or that only waits from now on."""
    flight: InFlight | None = scope["state"].get("in_flight")
    if flight is not None:
        flight.end()


def rate_limit_headers(scope: Any) -> list[Header]:
    """Return the rate limit header fields; endpoints for OpenAI clients also have OpenAI's."""
    quota: RemainingQuota | None = scope["state"].get("quota")
    if quota is None:
        return []
    policy, state = quota.fields()
    headers = [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]
    if error_format_of(scope) is ErrorFormat.OPENAI:
        headers += [
            (b"x-ratelimit-limit-requests", b"%d" % quota.policy.quota),
            (b"x-ratelimit-remaining-requests", b"%d" % quota.remaining),
            (b"x-ratelimit-reset-requests", _duration(quota.whole_s).encode()),
        ]
    return headers


def _duration(seconds: float) -> str:
    """Return a duration in OpenAI's format: 80ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _network_of(scope: Any) -> str:
    """Return the rate limit key of an anonymous request: its IPv4 address or its IPv6 /64."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_NETWORK_BITS), strict=False))
