"""Pictures: URLs, bytes, sets, the feed.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pixel_gateway.application.images.ports import DiscoverQuery, StoredObject
    from pixel_gateway.domain.image import Addresses, Image, ImageSet


@dataclass(frozen=True, kw_only=True)
class ImageUseCases:
    """Pictures: URLs, bytes, sets, the feed."""

    sign_addresses: Callable[[Sequence[str]], Awaitable[Mapping[str, Addresses]]]
    read_object: Callable[..., Awaitable[StoredObject]]
    fetch_asset: Callable[[str], Awaitable[bytes]]
    get_set: Callable[[str, str], Awaitable[ImageSet]]
    discover: Callable[[DiscoverQuery], Awaitable[tuple[list[Image], str]]]
