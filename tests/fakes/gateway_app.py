"""The gateway's HTTP application, made once per session: it takes 100 ms of CPU, most of the time of a test."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.api.operation.routes import Health
from pixel_gateway.adapters.inbound.http.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar.types import ASGIApp
    from pixel_gateway.application import Application

BUS = BusHealth(reachable=True, brokers=("127.0.0.1:9092",), present=("image.generation.status",))


class _Behind:
    """The fakes of the running test."""

    application: Application | None = None
    checks: Mapping[str, str] = {"postgres": "ok"}

    def found(self) -> Application:
        assert self.application is not None
        return self.application


_behind = _Behind()


class _Late:
    """A proxy of a part of the running test's application, for the HTTP application made before any test."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        find = self._find
        return _Late(lambda: getattr(find(), name)) if _behind.application is None else getattr(find(), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._find()(*arguments, **named)


def http_app(application: Application, checks: Mapping[str, str] | None = None, **settings: Any) -> ASGIApp:
    """Return the HTTP application over these use cases; reuse one with the same settings.

    Only one may be in use at a time: a test that needs two, or its own load control or limits, calls `create_app`.
    """
    _behind.application = None
    made = _made(**settings)
    _behind.application, _behind.checks = application, {"postgres": "ok"} if checks is None else checks
    return made


@cache
def _made(**settings: Any) -> ASGIApp:
    return create_app(cast("Any", _Late(_behind.found)), health(), **settings)


def health() -> Health:
    """Return readiness checks with the results of the running test."""

    async def ready() -> dict[str, str]:
        return dict(_behind.checks)

    async def bus() -> BusHealth:
        return BUS

    return Health(ready=ready, bus=bus)
