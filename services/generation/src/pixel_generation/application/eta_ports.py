"""What quotes of starts need from the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixel_generation.domain.estimate import Punctuality
    from pixel_generation.domain.queue_outline import QueueOutline


class QueueOutlines(Protocol):
    async def outline(self, lane: str, *, slots: int, typical_s: float) -> QueueOutline:
        """Read who waits in the lane, in order and up to a bound, what runs, and the latest run times."""


class EtaObserver(Protocol):
    """Counts how quotes of starts turned out."""

    def started(self, punctuality: Punctuality) -> None: ...
