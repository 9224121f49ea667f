"""A media service for the generation service's tests: stores images over gRPC."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator

from PIL import Image
from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1 import assets_service_pb2_grpc
from pixel_errors import Invalid, Unavailable


class FakeAssetsServicer(assets_service_pb2_grpc.AssetsServiceServicer):
    """The first `away` calls fail as unavailable."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.headers: list[pb.StoreAssetHeader] = []
        self.away = 0

    async def StoreAsset(  # noqa: N802 - named by the proto
        self, request_iterator: AsyncIterator[pb.StoreAssetRequest], context: object
    ) -> pb.StoreAssetResponse:
        parts = [part async for part in request_iterator]
        header, data = parts[0].header, b"".join(part.chunk for part in parts[1:])
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        if hashlib.sha256(data).hexdigest() != header.sha256 or len(data) != header.size_bytes:
            raise Invalid("other bytes than announced")
        picture = Image.open(io.BytesIO(data))
        self.stored[header.asset_id] = data
        self.headers.append(header)
        original = pb.Rendition(
            kind=pb.RENDITION_KIND_ORIGINAL,
            content_type=str(picture.get_format_mimetype()),
            width=picture.width,
            height=picture.height,
            size_bytes=len(data),
        )
        return pb.StoreAssetResponse(asset=pb.Asset(id=header.asset_id, renditions=[original]))
