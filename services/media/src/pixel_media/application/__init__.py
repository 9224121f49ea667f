"""The use cases of the media service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from uuid import UUID

    from pixel_media.application.assets.get_assets import AddressedAsset
    from pixel_media.application.assets.store_asset import StoreAsset
    from pixel_media.application.maintenance.sweep_leftovers import Swept
    from pixel_media.domain.assets.asset import Asset


@dataclass(frozen=True)
class Application:
    """The use cases with their ports bound."""

    store_asset: Callable[[StoreAsset], Awaitable[Asset]]
    get_assets: Callable[[Sequence[UUID]], Awaitable[list[AddressedAsset]]]
    address: Callable[[Asset], AddressedAsset]
    sweep_leftovers: Callable[[], Awaitable[Swept | None]]
    usage: Callable[[], Awaitable[Mapping[str, int]]]
