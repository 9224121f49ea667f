"""Contract tests: one suite of assertions run over every implementation of a port.

A test module declares the implementations of each port:

    CONTRACTS = {Sets: (FakeSets, PostgresSets)}

The key is the port, the values are the fakes and the adapters that implement it. While the module runs, calls of the
port's methods are recorded; the module fails at its end unless every method was called on every implementation, and all
of them within one test. So neither an empty test nor one that uses the fake only satisfies it. A fake of a server is
declared in `SERVERS = {FakeAssetsServicer: AssetsServicer}`, and then its handled calls count.
`tests/architecture/test_ports.py` checks that every port and every fake is declared.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Calls:
    """The tests that called each method of each class."""

    test: str = ""
    tests: dict[tuple[type, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    @contextmanager
    def recorded(self, implementation: type, method: str) -> Iterator[None]:
        """Record every call of the method inside the block."""
        inherited = method not in vars(implementation)
        original = vars(implementation).get(method) or getattr(implementation, method)
        setattr(implementation, method, self._noting(implementation, method, original))
        try:
            yield
        finally:
            if inherited:
                delattr(implementation, method)
            else:
                setattr(implementation, method, original)

    def _noting(self, implementation: type, method: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(*arguments: Any, **named: Any) -> Any:
            self.tests[implementation, method].add(self.test)
            return original(*arguments, **named)

        return call

    def missing(self, implementations: Sequence[type], method: str) -> str:
        """Return what was not called; empty when one test called the method on all implementations."""
        tests = [self.tests[implementation, method] for implementation in implementations]
        uncalled = [each.__name__ for each, found in zip(implementations, tests, strict=True) if not found]
        if uncalled:
            return f"{method} was not called on {', '.join(uncalled)}"
        return "" if set.intersection(*tests) else f"no test calls {method} on all implementations"


def methods_of(port: type) -> list[str]:
    """Return the public methods defined in the class itself."""
    return [name for name, value in vars(port).items() if not name.startswith("_") and callable(value)]


def declared_in(module: object) -> list[tuple[str, Sequence[type], list[str]]]:
    """Return each declared contract of a test module: its name, its implementations and the methods that count."""
    contracts: Mapping[type, Sequence[type]] = getattr(module, "CONTRACTS", {})
    servers: Mapping[type, type] = getattr(module, "SERVERS", {})
    return [
        *((port.__name__, implementations, methods_of(port)) for port, implementations in contracts.items()),
        *((fake.__name__, (fake, real), methods_of(fake)) for fake, real in servers.items()),
    ]


_CALLS = Calls()


@pytest.fixture(autouse=True)
def _test_is_named(request: pytest.FixtureRequest) -> None:
    _CALLS.test = request.function.__qualname__ if request.function is not None else ""


@pytest.fixture(scope="module", autouse=True)
def _every_promise_is_tested(request: pytest.FixtureRequest) -> Iterator[None]:
    contracts = declared_in(request.module)
    pairs = {
        (each, method) for _, implementations, methods in contracts for each in implementations for method in methods
    }
    _CALLS.tests.clear()
    with ExitStack() as stack:
        for implementation, method in pairs:
            stack.enter_context(_CALLS.recorded(implementation, method))
        yield
    options = request.config
    if options.option.keyword or options.option.markexpr or any("::" in each for each in options.args):
        return
    found = [
        f"{port}: {missing}"
        for port, implementations, methods in contracts
        for method in methods
        if (missing := _CALLS.missing(implementations, method))
    ]
    assert found == []
