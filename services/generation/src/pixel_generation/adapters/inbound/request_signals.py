"""Requests on the bus are signals only: workers claim from the job table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import Event

REQUESTS = "image.generation.requests"
GROUP = "image-generators"


def on_generation_requested(signal: Callable[[], None]) -> Callable[[Event], Awaitable[None]]:
    """Return the handler of `image.generation.requests`; a repeated delivery only signals a worker again."""

    async def handle(event: Event) -> None:
        event.message()  # a message that is not a request goes to the dead letters instead of counting as handled
        signal()

    return handle
