"""Records the images of a completed generation as a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_social.application.sets.ports import Store
    from pixel_social.domain.images.image import ImageSet


@dataclass(frozen=True)
class RecordSet:
    """The set of an event, and the event's id."""

    event_id: str
    image_set: ImageSet


async def record_set(cmd: RecordSet, *, store: Store) -> bool:
    """Write the set once, for any repetition or order of events; False when it exists."""
    async with store.transaction() as tx:
        if not await tx.first_time(cmd.event_id):
            return False
        if not await tx.add_set(cmd.image_set):
            return False
        await tx.announce(cmd.image_set)
    return True
