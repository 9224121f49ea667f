"""Database notifications to workers: a run was cancelled, a hold ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_runtime.loop import pause

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from pixel_postgres import Pool

    from pixel_generation.application.execution.worker import Worker

POLL_S = 5.0
AT_MOST_EVERY_S = 0.02
"""Signals that come faster are handled together."""


def on_cancel(pool: Pool, worker: Worker) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that checks the worker's runs on a cancellation; the heartbeat checks them anyway."""

    async def body(stop: asyncio.Event) -> None:
        async for _ in pool.listen(f"{pool.schema}_cancel", stop, POLL_S):
            await worker.renew_once()
            await pause(stop, AT_MOST_EVERY_S)

    return body


def on_runnable(pool: Pool, worker: Worker) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a loop body that signals the worker when a hold ends; it polls every two seconds anyway."""

    async def body(stop: asyncio.Event) -> None:
        async for _ in pool.listen(f"{pool.schema}_runnable", stop, POLL_S):
            worker.signal()
            await pause(stop, AT_MOST_EVERY_S)

    return body
