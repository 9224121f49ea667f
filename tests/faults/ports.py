"""Decorators for every port of the generation service, and its composition root with all of them applied.

A `Trouble` is asked before and after each call of a port. It may raise, which is what a dependency that fails looks
like from inside; raising after the call is "done, but reported as failed".
"""

from __future__ import annotations

import functools
import inspect
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest.mock import patch

from pixel_errors import Unavailable
from pixel_generation import main
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import ImageRequest, ProducedImage
from pixel_generation.settings import Settings
from pixel_generation.wiring import adapters as shared_adapters
from pixel_generation.wiring import work
from pixel_generation.wiring.providers import open_providers
from pixel_runtime.service import Service

from tests.fakes.bus import FakeBus
from tests.fakes.generation_neighbours import FakeAssets

REPEATABLE = {"PostgresJobs.write", "GrpcAssets.store", "Bus.publish"}
"""Calls that may arrive twice: the second one must change nothing."""


class Trouble(Protocol):
    def before(self, call: str) -> None: ...
    def after(self, call: str, *, found: bool) -> None: ...
    def twice(self, call: str) -> bool: ...


@dataclass
class HalfDone:
    """1 % of calls fail; 1 % succeed and are reported as failed; of the repeatable ones 1 % are made twice."""

    draws: random.Random
    rate: float = 0.01
    calls: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)

    def before(self, call: str) -> None:
        self.calls[call] += 1
        self._draw(call, "error")

    def after(self, call: str, *, found: bool) -> None:
        self._draw(call, "done but failed")

    def twice(self, call: str) -> bool:
        is_twice = call in REPEATABLE and self.draws.random() < self.rate
        self.injected["twice"] += is_twice
        return is_twice

    def _draw(self, call: str, kind: str) -> None:
        if self.draws.random() < self.rate:
            self.injected[kind] += 1
            raise Unavailable(f"{call}: {kind}", reason="INJECTED")


class Port:
    """Wraps an adapter; methods that are not coroutines pass through."""

    def __init__(self, name: str, inner: Any, trouble: Trouble) -> None:
        self._name = name
        self._inner = inner
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method) or name in {"close", "start", "stop"}:
            return method
        call = f"{self._name}.{name}"

        @functools.wraps(method)
        async def troubled(*arguments: Any, **named: Any) -> Any:
            self._trouble.before(call)
            result = await method(*arguments, **named)
            if self._trouble.twice(call):
                await method(*arguments, **named)
            self._trouble.after(call, found=bool(result))
            return result

        return troubled


class PortedModel:
    """A failing provider: an error before the call means not sent, one after it leaves the outcome unknown."""

    def __init__(self, inner: Any, trouble: Trouble) -> None:
        self.capabilities = inner.capabilities
        self.repeatable = inner.repeatable
        self.close = inner.close
        self._inner = inner
        self._trouble = trouble

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        self._ask(self._trouble.before, Outcome.NOT_SENT, retryable=True)
        async for picture in self._inner.generate(request):
            self._ask(functools.partial(self._trouble.after, found=True), Outcome.UNKNOWN, retryable=False)
            yield picture

    @staticmethod
    def _ask(ask: Callable[[str], None], outcome: Outcome, *, retryable: bool) -> None:
        try:
            ask("TextToImage.generate")
        except Unavailable as error:
            raise ProviderError(
                error.detail, code="provider_unavailable", outcome=outcome, retryable=retryable
            ) from error


WIRING = (main, shared_adapters, work)
"""The modules that make adapters."""


def adapters() -> dict[str, type]:
    """Return the classes of outbound adapters in the wiring."""
    prefix = "pixel_generation.adapters.outbound."
    return {
        name: value
        for module in WIRING
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith(prefix) and name.startswith(("Postgres", "Grpc"))
    }


@asynccontextmanager
async def run_engine(
    settings: Settings,
    trouble: Trouble,
    *,
    roles: frozenset[str] = main.ALL_ROLES,
    providers: Mapping[str, Any] | None = None,
    bus: FakeBus | None = None,
    assets: FakeAssets | None = None,
    clock: type | None = None,
) -> AsyncIterator[Service]:
    """Run the service's own composition with each adapter behind a `Port`; media and the bus are in memory."""
    assets, log = assets or FakeAssets(), bus or FakeBus()
    await log.ensure_topics()

    def ported(name: str, cls: type) -> Callable[..., Any]:
        make: Callable[..., Any] = (lambda *_, **__: assets) if name == "GrpcAssets" else cls
        return lambda *arguments, **named: Port(name, make(*arguments, **named), trouble)

    replaced: dict[str, Any] = {name: ported(name, cls) for name, cls in adapters().items()}
    replaced["bus_of"] = lambda *_, **__: Port("Bus", log, trouble)
    if clock is not None:
        replaced["SystemClock"] = clock
    if providers is None:
        made = open_providers(settings)
        replaced["open_providers"] = lambda *_, **__: {key: PortedModel(each, trouble) for key, each in made.items()}
    else:
        replaced["open_providers"] = lambda *_, **__: {
            key: PortedModel(each, trouble) for key, each in providers.items()
        }
    async with AsyncExitStack() as stack:
        with ExitStack() as patches:  # only during the build: the next engine has other ports
            for module in WIRING:
                names = vars(module).keys() & replaced.keys()
                patches.enter_context(patch.multiple(module, **{name: replaced[name] for name in names}))
            building: AbstractAsyncContextManager[Service] = main.build(settings, roles)
            service = await stack.enter_async_context(building)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()
