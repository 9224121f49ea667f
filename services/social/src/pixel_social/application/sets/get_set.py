"""Returns a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_social.domain.errors import SetNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_social.application.sets.ports import Sets
    from pixel_social.domain.images.image import ImageSet


@dataclass(frozen=True)
class GetSet:
    """A set id and its viewer; None is an anonymous viewer."""

    set_id: UUID
    viewer_id: UUID | None


async def get_set(query: GetSet, *, sets: Sets) -> ImageSet:
    """Return the set as visible to the viewer; raise SetNotFound."""
    image_set = await sets.find_set(query.set_id)
    if image_set is None:
        raise SetNotFound
    return image_set.seen_by(query.viewer_id)
