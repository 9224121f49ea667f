"""Port: records of assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_media.domain.assets.asset import Asset, AssetFacts
    from pixel_media.domain.renditions.rendition import Rendition


class Assets(Protocol):
    """The assets of this service. An upload is recorded before its first object is written."""

    async def find(self, asset_ids: Sequence[UUID]) -> Mapping[UUID, Asset]:
        """Return the assets that are stored."""

    async def begin(self, facts: AssetFacts, *, at: datetime) -> Asset | None:
        """Record the start of an upload; return the asset when it is stored already, else None.

        Raises AssetConflict when the id belongs to other bytes or another owner, AssetBeingRemoved while the objects of
        an older upload are being removed. Repeating it resets the age of the upload.
        """

    async def finish(self, facts: AssetFacts, renditions: Sequence[Rendition], *, at: datetime) -> Asset:
        """Make the asset visible with its renditions; return the stored one when another upload was first.

        Raises AssetBeingRemoved when the sweep abandoned the upload meanwhile.
        """

    async def usage(self) -> Mapping[str, int]:
        """Return the stored bytes by type: `image`, `video`."""
