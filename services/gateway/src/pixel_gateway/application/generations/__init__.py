"""Generations: submit, read, wait for, cancel, retry.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_errors import PixelError

    from pixel_gateway.application.generations.made_images import MadeImages
    from pixel_gateway.application.generations.ports import Accepted, Cancelled, HistoryQuery, Submission
    from pixel_gateway.application.generations.timeline import TimelineEntry
    from pixel_gateway.domain.generation import Generation, Model, Progress


@dataclass(frozen=True, kw_only=True)
class GenerationUseCases:
    """Generations: submit, read, wait for, cancel, retry."""

    submit: Callable[[Submission], Awaitable[Accepted]]
    view: Callable[[str, str], Awaitable[Generation]]
    list_page: Callable[[HistoryQuery], Awaitable[tuple[list[Generation], str]]]
    view_progress: Callable[[str, str], Awaitable[Generation | Progress]]
    list_events: Callable[[str, str, int], Awaitable[list[Progress]]]
    view_timeline: Callable[[str, str], Awaitable[list[TimelineEntry]]]
    wait_until_ended: Callable[[Generation], Awaitable[bool]]
    await_images: Callable[..., Awaitable[MadeImages]]
    as_readable: Callable[[Generation], Awaitable[Generation]]
    all_as_readable: Callable[[Sequence[Generation]], Awaitable[list[Generation]]]
    cancel: Callable[[str, Sequence[str]], Awaitable[list[Cancelled | PixelError]]]
    retry: Callable[[str, Sequence[str]], Awaitable[list[Accepted | PixelError]]]
    cancel_many: Callable[[str, Sequence[str]], Awaitable[list[Cancelled | PixelError]]]
    retry_many: Callable[[str, Sequence[str]], Awaitable[list[Accepted | PixelError]]]
    list_models: Callable[[], Awaitable[list[Model]]]
