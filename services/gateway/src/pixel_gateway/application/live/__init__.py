"""Live progress: watch, publish, tickets.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
    from typing import Any

    from pixel_gateway.application.live.hub import Update
    from pixel_gateway.application.live.tickets import CreateTicket
    from pixel_gateway.application.live.user_channel import ChannelUpdate
    from pixel_gateway.domain.generation import Progress
    from pixel_gateway.domain.ticket import Ticket


@dataclass(frozen=True, kw_only=True)
class LiveUseCases:
    """Live progress: watch, publish, tickets."""

    watch_generation: Callable[..., AsyncGenerator[Update, None]]
    watch_user: Callable[..., AsyncGenerator[ChannelUpdate, None]]
    publish: Callable[[Progress], None]
    remember_statuses: Callable[[Sequence[Progress]], Awaitable[None]]
    poll_silent_generations: Callable[[asyncio.Event], Coroutine[Any, Any, None]]
    close_streams: Callable[[], None]
    streams_are_closing: Callable[[], bool]
    watcher_count: Callable[[], int]
    watched_generation_count: Callable[[], int]
    listener_count: Callable[[], int]
    create_ticket: Callable[[CreateTicket], Awaitable[tuple[Ticket, str]]]
    use_ticket: Callable[[str, str], Awaitable[str]]
