"""The media service over gRPC."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from pixel.media.v1 import assets_service_pb2 as pb
from pixel.media.v1.assets_service_pb2_grpc import AssetsServiceStub
from pixel_errors import Internal
from pixel_limits.media import STORE_ASSET_REQUEST_CHUNK_MAX_LEN as CHUNK_BYTES
from pixel_rpc import Caller, calling_as, deadline
from pixel_runtime.ids import format_id

from pixel_generation.domain.jobs.output import Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import grpc.aio

    from pixel_generation.application.execution.runner import Produced
    from pixel_generation.domain.jobs.job import Job

STORE_DEADLINE_S = 60.0


class GrpcAssets:
    """Stores outputs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = AssetsServiceStub(channel)

    async def store(self, produced: Produced, *, asset_id: UUID, job: Job) -> Output:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(produced.data).hexdigest())
        header = pb.StoreAssetHeader(
            asset_id=format_id("ast", asset_id),
            user_id=format_id("usr", job.user_id),
            sha256=digest,
            size_bytes=len(produced.data),
            generation_id=format_id("gen", job.id),
            tags=["ai-generated", job.work.model],
        )
        with deadline(STORE_DEADLINE_S), calling_as(Caller(user_id=header.user_id)):
            response = await self._stub.StoreAsset(_parts(header, produced.data))
        original = next((r for r in response.asset.renditions if r.kind == pb.RENDITION_KIND_ORIGINAL), None)
        if original is None:
            raise Internal("Media stored an asset without its original.")
        return Output(
            asset_id=asset_id,
            index=produced.index,
            content_type=original.content_type,
            size_bytes=original.size_bytes,
            units=produced.units,
            facts={"width": original.width, "height": original.height, **produced.facts},
        )


async def _parts(header: pb.StoreAssetHeader, data: bytes) -> AsyncIterator[pb.StoreAssetRequest]:
    yield pb.StoreAssetRequest(header=header)
    for start in range(0, len(data), CHUNK_BYTES):
        yield pb.StoreAssetRequest(chunk=data[start : start + CHUNK_BYTES])
