"""Return assets with signed URLs of their renditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import Violation
from pixel_limits.media import BATCH_GET_ASSETS_REQUEST_ASSET_IDS_MAX_ITEMS as MAX_IDS

from pixel_media.domain.assets.addresses import ADDRESS_LIFE_S, signing_time
from pixel_media.domain.errors import AssetInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_media.application.assets.ports import Assets
    from pixel_media.application.ports import Clock, Objects
    from pixel_media.domain.assets.asset import Asset
    from pixel_media.domain.renditions.rendition import RenditionKind


@dataclass(frozen=True)
class AddressedAsset:
    """An asset with a signed URL for each rendition; all expire at `expires_at`."""

    asset: Asset
    addresses: Mapping[RenditionKind, str]
    expires_at: datetime


async def get_assets(
    asset_ids: Sequence[UUID], *, assets: Assets, objects: Objects, clock: Clock
) -> list[AddressedAsset]:
    """Return the existing assets among at most 500 ids, in the order of the ids."""
    if len(asset_ids) > MAX_IDS:
        raise AssetInvalid(violations=(Violation("asset_ids", f"at most {MAX_IDS}"),))
    found = await assets.find(asset_ids)
    return [address(found[asset_id], objects=objects, clock=clock) for asset_id in asset_ids if asset_id in found]


def address(asset: Asset, *, objects: Objects, clock: Clock) -> AddressedAsset:
    """Sign a URL for each rendition; the same within an hour."""
    signed_at = signing_time(clock.now())
    addresses = {
        rendition.kind: objects.presign_get(
            rendition.key, expires_s=ADDRESS_LIFE_S, content_type=rendition.content_type, signed_at=signed_at
        )
        for rendition in asset.renditions
    }
    return AddressedAsset(asset, addresses, signed_at + timedelta(seconds=ADDRESS_LIFE_S))
