"""Requests on the bus are signals: the job table says what there is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_events import Event

REQUESTS = "image.generation.requests"
GROUP = "image-generators"


def on_generation_requested(signal: Callable[[], None]) -> Callable[[Event], Awaitable[None]]:
    """Return the handler of `image.generation.requests`; repeated deliveries signal a worker once more, no harm."""

    async def handle(event: Event) -> None:
        event.message()  # what is not a request goes to the dead letters instead of being counted as handled
        signal()

    return handle
