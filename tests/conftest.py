"""Fixtures of all tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import hypothesis
import pytest
from pixel_embedded.data_dir import free_port as pick_free_port

# A busy machine is no failure: pytest's own timeout ends what hangs.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["tests.parts", "tests.contracts"]

WaitUntil = Callable[..., Awaitable[None]]


@pytest.fixture
def free_port() -> int:
    """Return a free TCP port of loopback."""
    return pick_free_port()


async def _wait_until(condition: Callable[[], object | Awaitable[object]], timeout_s: float = 10.0) -> None:
    """Return once the condition (plain or async) is true; fail the test after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        held = condition()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"not so within {timeout_s:g} s: {getattr(condition, '__qualname__', condition)}")
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    """Return `wait_until(condition, timeout_s=10)`."""
    return _wait_until
