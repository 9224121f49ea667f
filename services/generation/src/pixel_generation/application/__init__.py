"""The use cases, bound to their ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from pixel_errors import PixelError

    from pixel_generation.application.reading.live_catalogue import LiveCatalogue
    from pixel_generation.application.reading.read_generations import GenerationReader
    from pixel_generation.application.submission.cancel import Cancellation
    from pixel_generation.application.submission.quote import Quote
    from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
    from pixel_generation.domain.billing.receipt import Receipt


@dataclass(frozen=True)
class Application:
    """Everything this service can do for others."""

    submit_generations: Callable[[Sequence[SubmitGeneration]], Awaitable[list[Accepted | PixelError]]]
    generations: GenerationReader
    catalogue: LiveCatalogue
    receipt: Callable[[UUID, UUID], Awaitable[Receipt]]
    quote_generation: Callable[[SubmitGeneration], Awaitable[Quote]]
    cancel_generations: Callable[[UUID, Sequence[UUID]], Awaitable[list[Cancellation | PixelError]]]
    retry_generations: Callable[[UUID, Sequence[UUID]], Awaitable[list[Accepted | PixelError]]]
