"""The use cases, bound to their ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from pixel_errors import PixelError

    from pixel_generation.application.grant_credits import GrantCredits
    from pixel_generation.application.live_catalogue import LiveCatalogue
    from pixel_generation.application.read_generations import GenerationReader
    from pixel_generation.application.submit_generations import Accepted, SubmitGeneration
    from pixel_generation.domain.credits import Balance


@dataclass(frozen=True)
class Application:
    """Everything this service can do for others."""

    submit_generations: Callable[[Sequence[SubmitGeneration]], Awaitable[list[Accepted | PixelError]]]
    grant_credits: Callable[[GrantCredits], Awaitable[tuple[bool, int]]]
    generations: GenerationReader
    balance: Callable[[UUID], Awaitable[Balance]]
    catalogue: LiveCatalogue
