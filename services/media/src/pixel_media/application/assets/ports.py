"""The records of assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_media.domain.assets.asset import Asset, AssetFacts
    from pixel_media.domain.renditions.rendition import Rendition


class Assets(Protocol):
    """The assets this service owns. An attempt to store one is on record before its first object is written."""

    async def find(self, asset_ids: Sequence[UUID]) -> Mapping[UUID, Asset]:
        """Return those of the assets that are stored."""

    async def begin(self, facts: AssetFacts, *, at: datetime) -> Asset | None:
        """Record an attempt to store; None means go on, an asset means that it is stored already.

        Raises AssetConflict when the id belongs to other bytes or another owner, AssetBeingRemoved while the rest of
        an older attempt is being removed. Repeating it makes the attempt young again.
        """

    async def finish(self, facts: AssetFacts, renditions: Sequence[Rendition], *, at: datetime) -> Asset:
        """Make the asset visible with its renditions; the same asset when another attempt was first.

        Raises AssetBeingRemoved when the attempt was given up meanwhile.
        """

    async def usage(self) -> Mapping[str, int]:
        """Return the stored bytes by type: `image`, `video`."""
