"""Converts assets to and from messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel.media.v1 import assets_service_pb2 as pb
from pixel_errors import Violation
from pixel_runtime.ids import format_id, parse_id

from pixel_media.domain.assets.asset import AssetFacts
from pixel_media.domain.errors import AssetInvalid
from pixel_media.domain.renditions.rendition import RenditionKind

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_media.application.assets.get_assets import AddressedAsset
    from pixel_media.domain.renditions.rendition import Rendition

KINDS = {
    RenditionKind.ORIGINAL: pb.RENDITION_KIND_ORIGINAL,
    RenditionKind.THUMBNAIL: pb.RENDITION_KIND_THUMBNAIL,
    RenditionKind.PREVIEW: pb.RENDITION_KIND_PREVIEW,
}


def read_header(header: pb.StoreAssetHeader) -> AssetFacts:
    return AssetFacts(
        id=read_id("asset_id", "ast", header.asset_id),
        user_id=read_id("user_id", "usr", header.user_id),
        sha256=header.sha256,
        size_bytes=header.size_bytes,
        generation_id=read_id("generation_id", "gen", header.generation_id) if header.generation_id else None,
        tags=tuple(header.tags),
    )


def read_id(field: str, prefix: str, text: str) -> UUID:
    try:
        return parse_id(prefix, text)
    except ValueError as error:
        raise invalid(field, f"must be {prefix}_ and 32 hex digits") from error


def invalid(field: str, message: str) -> AssetInvalid:
    return AssetInvalid(f"{field} {message}.", violations=(Violation(field, message),))


def write_asset(addressed: AddressedAsset) -> pb.Asset:
    asset = addressed.asset
    return pb.Asset(
        id=format_id("ast", asset.facts.id),
        user_id=format_id("usr", asset.facts.user_id),
        sha256=asset.facts.sha256,
        renditions=[_write_rendition(rendition, addressed.addresses[rendition.kind]) for rendition in asset.renditions],
        url_expire_time=_write_time(addressed.expires_at),
        create_time=_write_time(asset.stored_at),
    )


def _write_time(moment: datetime) -> Timestamp:
    written = Timestamp()
    written.FromDatetime(moment)
    return written


def _write_rendition(rendition: Rendition, url: str) -> pb.Rendition:
    return pb.Rendition(
        kind=KINDS[rendition.kind],
        content_type=rendition.content_type,
        width=rendition.width,
        height=rendition.height,
        size_bytes=rendition.size_bytes,
        url=url,
    )
