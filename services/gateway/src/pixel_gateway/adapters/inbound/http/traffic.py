"""The kind of traffic at each door, and the two checks of every request: is there room, has its caller a right."""

from __future__ import annotations

import ipaddress
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixel_gateway.domain.rate_limit import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixel_gateway.adapters.inbound.http.doors import Door
    from pixel_gateway.adapters.inbound.http.reply import Header
    from pixel_gateway.application.load.admission import Admission, InFlight
    from pixel_gateway.application.load.rate_limiting import RateLimiter
    from pixel_gateway.domain.rate_limit import Standing

_UNLIMITED = frozenset({"/healthz", "/readyz", "/api/kafka/health"})
"""Asked by what restarts us: refusing them would make an overload an outage."""

_CREATE = frozenset({"/api/generations", "/api/generations/{id:str}/retry", "/api/generations/retry"})
_CRITICAL = ("/api/admin/", "/api/credits", "/api/queue/process")
_STATUS = frozenset(
    {
        "/api/generations/{id:str}",
        "/api/generations/{id:str}/events",
        "/api/generations/{id:str}/log",
        "/api/generation/{id:str}/status",
        "/api/queue/status",
        "/api/queue/status/{id:str}",
        "/api/events",
        "/api/tickets",
    }
)
_V1 = "/v1/"
_IPV6_NETWORK_BITS = 64


def traffic_of(door: Door) -> Traffic | None:
    """Return the kind of a door's traffic; None for doors that are never refused."""
    path = door.path
    if path in _UNLIMITED:
        return None
    if door.method == "DELETE" or path.startswith(_CRITICAL) or path.endswith(("/cancel", "/receipt")):
        return Traffic.CRITICAL
    if path in _STATUS and not (door.method == "POST" and path in _CREATE):
        return Traffic.STATUS
    is_work = path in _CREATE or path.startswith(_V1)
    return Traffic.CREATE if door.method == "POST" and is_work else Traffic.READ


class LoadControl:
    """Admission by kind, then the caller's own limit. Without either of them nothing is refused."""

    def __init__(self, admission: Admission | None = None, limiter: RateLimiter | None = None) -> None:
        self._admission = admission
        self._limiter = limiter

    @contextmanager
    def admitted(self, traffic: Traffic | None, scope: Any) -> Iterator[None]:
        """Hold a place while the answer is made, sending it not included; raise Overloaded."""
        if self._admission is None or traffic is None:
            yield
            return
        with self._admission.admit(traffic, scope.get("path_template") or "") as flight:
            scope["state"]["in_flight"] = flight
            yield

    async def count(self, traffic: Traffic | None, scope: Any, user_id: str) -> None:
        """Count the request of a caller and remember where they stand; raise RateLimited."""
        if self._limiter is None or traffic is None:
            return
        standing, rejection = await self._limiter.count(traffic, user_id or _network_of(scope))
        scope["state"]["standing"] = standing
        if rejection is not None:
            raise rejection


def only_waits(scope: Any) -> None:
    """Give the place of a request back that from now on only waits for something else."""
    flight: InFlight | None = scope["state"].get("in_flight")
    if flight is not None:
        flight.end()


def standing_headers(scope: Any) -> list[Header]:
    """Return the fields that tell a caller where they stand; doors for OpenAI clients also have theirs."""
    standing: Standing | None = scope["state"].get("standing")
    if standing is None:
        return []
    policy, state = standing.fields()
    headers = [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]
    if scope["path"].startswith(_V1):
        headers += [
            (b"x-ratelimit-limit-requests", b"%d" % standing.policy.quota),
            (b"x-ratelimit-remaining-requests", b"%d" % standing.remaining),
            (b"x-ratelimit-reset-requests", _duration(standing.whole_s).encode()),
        ]
    return headers


def _duration(seconds: float) -> str:
    """Return a time as OpenAI writes it: 80ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _network_of(scope: Any) -> str:
    """Return whom an anonymous request is counted for: its IPv4 address or its IPv6 /64, which one client owns."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_NETWORK_BITS), strict=False))
