"""Bodies of the checks of operation."""

from __future__ import annotations

import msgspec


class Liveness(msgspec.Struct):
    """The process is alive."""

    status: str


class Readiness(msgspec.Struct):
    """Whether requests can be served, check by check."""

    status: str
    checks: dict[str, str]


class BusView(msgspec.Struct, rename="camel"):
    """The state of the bus."""

    status: str
    reachable: bool
    brokers: list[str]
    topics: list[str]
    missing_topics: list[str]
    error: str | None
