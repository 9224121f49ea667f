"""Assets over gRPC."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1 import assets_service_pb2_grpc as pb_grpc
from pixel_errors import DeadlineExceeded, FailedPrecondition, PixelError, Violation
from pixel_limits.media import BATCH_GET_ASSETS_REQUEST_ASSET_IDS_MAX_ITEMS as MAX_IDS
from pixel_limits.media import STORE_ASSET_HEADER_SIZE_BYTES_LTE as MAX_BYTES
from pixel_limits.media import STORE_ASSET_REQUEST_CHUNK_MAX_LEN as MAX_CHUNK_BYTES

from pixel_media.adapters.inbound.grpc.assets.codec import invalid, read_header, read_id, write_asset
from pixel_media.adapters.metrics import REFUSED_IMAGES, STORED_BYTES, STORED_IMAGES
from pixel_media.application.assets.store_asset import StoreAsset
from pixel_media.domain.assets.content import Content
from pixel_media.domain.errors import AssetInvalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc
    from pixel_blobs import BlobStat

    from pixel_media.application import Application

SERVICES = ("pixel.media.v1.AssetsService",)
MAX_CHUNKS = MAX_BYTES // MAX_CHUNK_BYTES


class SignedObjects(Protocol):
    """Objects behind signed URLs that this service serves itself."""

    def verify(self, key: str, expires: int, signature: str) -> None:
        """Raise Forbidden for a URL that was altered or has expired."""

    async def stat(self, key: str) -> BlobStat:
        """Return the metadata; raise NotFound."""

    def stream(self, key: str, chunk_bytes: int = MAX_CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Yield the bytes in chunks."""


class AssetsServicer(pb_grpc.AssetsServiceServicer):
    """`signed` is None when clients read from the store directly."""

    def __init__(
        self, app: Application, *, signed: SignedObjects | None, max_uploads: int, upload_timeout_s: float
    ) -> None:
        self._app = app
        self._signed = signed
        self._uploads = asyncio.Semaphore(max_uploads)
        self._upload_timeout_s = upload_timeout_s

    async def StoreAsset(  # noqa: N802 - named by the proto
        self, request_iterator: AsyncIterator[pb.StoreAssetRequest], context: object
    ) -> pb.StoreAssetResponse:
        del context
        try:
            # The timeout ends an upload before the sweep abandons it; each upload holds a whole image in memory.
            async with asyncio.timeout(self._upload_timeout_s), self._uploads:
                command = await _receive(request_iterator)
                asset = await self._app.store_asset(command)
        except TimeoutError as error:
            raise DeadlineExceeded(f"The upload took longer than {self._upload_timeout_s:g} s.") from error
        except PixelError as error:
            await _drain(request_iterator, self._upload_timeout_s)
            REFUSED_IMAGES.labels(error.code).inc()
            raise
        STORED_IMAGES.inc()
        STORED_BYTES.inc(asset.facts.size_bytes)
        return pb.StoreAssetResponse(asset=write_asset(self._app.address(asset)))

    async def BatchGetAssets(  # noqa: N802 - named by the proto
        self, request: pb.BatchGetAssetsRequest, context: object
    ) -> pb.BatchGetAssetsResponse:
        del context
        if len(request.asset_ids) > MAX_IDS:
            raise AssetInvalid(violations=(Violation("asset_ids", f"at most {MAX_IDS}"),))
        asset_ids = [read_id("asset_ids", "ast", text) for text in request.asset_ids]
        found = await self._app.get_assets(asset_ids)
        return pb.BatchGetAssetsResponse(assets=[write_asset(addressed) for addressed in found])

    async def ReadObject(  # noqa: N802 - named by the proto
        self, request: pb.ReadObjectRequest, context: object
    ) -> AsyncIterator[pb.ReadObjectResponse]:
        del context
        if self._signed is None:
            raise FailedPrecondition("Clients read from the object store itself.", reason="STORE_SERVES_CLIENTS")
        self._signed.verify(request.key, request.expires, request.signature)
        stat = await self._signed.stat(request.key)
        yield pb.ReadObjectResponse(content_type=stat.content_type, size_bytes=stat.size_bytes)
        async for chunk in self._signed.stream(request.key, MAX_CHUNK_BYTES):
            yield pb.ReadObjectResponse(chunk=chunk)


def register(servicer: AssetsServicer) -> Callable[[grpc.aio.Server], None]:
    """Return the function that adds the service to a server."""

    def add(server: grpc.aio.Server) -> None:
        pb_grpc.add_AssetsServiceServicer_to_server(servicer, server)

    return add


async def _receive(requests: AsyncIterator[pb.StoreAssetRequest]) -> StoreAsset:
    """Read the header, then the chunks; raise when they are out of order or do not match the header."""
    content: Content | None = None
    async for request in requests:
        part = request.WhichOneof("part")
        if content is None:
            if part != "header":
                raise invalid("header", "must come first")
            facts = read_header(request.header)
            content = Content(facts)
        elif part != "chunk":
            raise invalid("chunk", "must follow the header")
        elif len(request.chunk) > MAX_CHUNK_BYTES:
            raise invalid("chunk", f"at most {MAX_CHUNK_BYTES} bytes")
        else:
            content.add(request.chunk)
    if content is None:
        raise invalid("header", "must come first")
    return StoreAsset(facts, content.complete())


async def _drain(requests: AsyncIterator[pb.StoreAssetRequest], timeout_s: float) -> None:
    """Read the rest of the request: ending a call during the caller's write can hide its status."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            for _ in range(MAX_CHUNKS):
                if await anext(requests, None) is None:
                    return
