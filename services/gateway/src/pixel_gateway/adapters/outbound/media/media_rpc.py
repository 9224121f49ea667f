"""The media service over gRPC; stores that serve clients themselves are read by their signed URLs."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from contextlib import aclosing
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1 import assets_service_pb2_grpc as stubs
from pixel_errors import DeadlineExceeded, Internal, Unavailable
from pixel_limits.media import BATCH_GET_ASSETS_REQUEST_ASSET_IDS_MAX_ITEMS as _ASSETS_A_CALL
from pixel_limits.media import STORE_ASSET_HEADER_SIZE_BYTES_LTE as _MAX_BYTES

from pixel_gateway.application.images.ports import StoredObject
from pixel_gateway.domain.image import Addresses, AssetNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence

    import grpc.aio

OBJECTS_PATH = "/media/objects/"
GAP_S = 30.0
"""Time limit for the next part of an object; the whole may take as long as its reader does."""

_FETCH_S = 30.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The store is part of the installation: no proxy is used."""


class GrpcMedia:
    """Pictures' bytes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.AssetsServiceStub(channel)

    async def addresses(self, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
        """Return new signed URLs of the existing assets."""
        unique = [*dict.fromkeys(asset_ids)]
        found: dict[str, Addresses] = {}
        for start in range(0, len(unique), _ASSETS_A_CALL):
            request = pb.BatchGetAssetsRequest(asset_ids=unique[start : start + _ASSETS_A_CALL])
            answer = await self._stub.BatchGetAssets(request)
            found.update((asset.id, _addresses_of(asset)) for asset in answer.assets)
        return found

    async def read(self, key: str, *, expires: int, signature: str) -> StoredObject:
        """Open the object of a signed URL; raise Forbidden when altered or expired, NotFound when deleted."""
        request = pb.ReadObjectRequest(key=key, expires=expires, signature=signature)
        messages = _promptly(self._stub.ReadObject(request))
        first = await anext(messages, None)
        if first is None:
            raise Internal("The media service sent an object without its metadata.")
        return StoredObject(first.content_type, first.size_bytes, _chunks(first.chunk, messages))

    async def fetch(self, address: str) -> bytes:
        """Return all bytes of a signed URL from `addresses`."""
        if not address.startswith(OBJECTS_PATH):
            return await asyncio.to_thread(_download, address)
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        key = unquote(parts.path.removeprefix(OBJECTS_PATH))
        stored = await self.read(key, expires=int(query["expires"][0]), signature=query["signature"][0])
        return b"".join([chunk async for chunk in stored.chunks])


async def _promptly(
    messages: AsyncIterable[pb.ReadObjectResponse],
) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    """Yield the messages; raise DeadlineExceeded when one does not come in time. The reader may take longer."""
    waiting = aiter(messages)
    while True:
        try:
            async with asyncio.timeout(GAP_S):
                message = await anext(waiting, None)
        except TimeoutError:
            raise DeadlineExceeded("The media service stopped sending.") from None
        if message is None:
            return
        yield message


async def _chunks(first: bytes, messages: AsyncGenerator[pb.ReadObjectResponse, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(messages):
        if first:
            yield first
        async for message in messages:
            yield message.chunk


def _download(address: str) -> bytes:
    """Read a URL signed by the media service; it is the studio's own store, never a URL of a user."""
    if not address.startswith(("http://", "https://")):
        raise Internal("The media service returned a URL that is not HTTP.")
    try:
        with _direct.open(address, timeout=_FETCH_S) as response:
            data: bytes = response.read(_MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:  # noqa: PLR2004
            raise AssetNotFound from None
        raise Unavailable("The object store refused to serve the picture.") from None
    except OSError as error:
        raise Unavailable("The object store cannot be reached.") from error
    if len(data) > _MAX_BYTES:
        raise Internal("The picture is larger than any the media service keeps.")
    return data


def _addresses_of(asset: pb.Asset) -> Addresses:
    by_kind = {rendition.kind: rendition for rendition in asset.renditions}
    original = by_kind.get(pb.RENDITION_KIND_ORIGINAL, pb.Rendition())
    return Addresses(
        original=original.url,
        thumbnail=by_kind.get(pb.RENDITION_KIND_THUMBNAIL, original).url,
        preview=by_kind.get(pb.RENDITION_KIND_PREVIEW, original).url,
        content_type=original.content_type,
        expire_time=asset.url_expire_time.ToDatetime(tzinfo=UTC),
    )
