"""Contract of the asset port: in memory, a fake media service, and the media service over gRPC."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pixel_media.main
import pixel_media.settings
import pytest
from PIL import Image
from pixel.media.v1.assets_service_pb2_grpc import add_AssetsServiceServicer_to_server
from pixel_generation.adapters.outbound.media_rpc import GrpcAssets
from pixel_generation.application.execution.ports import Assets
from pixel_generation.application.execution.runner import Produced
from pixel_media.adapters.inbound.grpc.assets.servicer import AssetsServicer
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import new_id

from tests.contract.generation.conftest import fake_store
from tests.fakes.generation import a_user
from tests.fakes.generation_media import FakeAssetsServicer
from tests.fakes.generation_neighbours import FakeAssets
from tests.parts import MakeDatabase

CONTRACTS = {Assets: (FakeAssets, GrpcAssets)}
SERVERS = {FakeAssetsServicer: AssetsServicer}


@pytest.fixture(params=["fake", "fake server", "media"])
async def assets(request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Assets]:
    if request.param == "fake":
        yield FakeAssets()
        return
    async with AsyncExitStack() as stack:
        if request.param == "media":
            settings = pixel_media.settings.Settings(
                database_url=(await make_database("media")).url,
                grpc_address="127.0.0.1:0",
                blobs_url=f"file://{tmp_path}",
                sandboxes=1,
            )
            service = await stack.enter_async_context(pixel_media.main.build(settings, frozenset({"serve"})))
            server = next(part for part in service.parts if isinstance(part, RpcServer))
            await service.start()
            stack.push_async_callback(service.stop)
        else:
            media = FakeAssetsServicer()
            server = RpcServer(
                "media",
                "127.0.0.1:0",
                lambda grpc_server: add_AssetsServiceServicer_to_server(media, grpc_server),
                services=["pixel.media.v1.AssetsService"],
            )
            await server.start()
            stack.push_async_callback(server.stop)
        yield GrpcAssets(await stack.enter_async_context(open_channel(server.address, default_deadline_s=20)))


async def test_storing_an_output_again_returns_the_same_asset(assets: Assets) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (1024, 1024), "teal").save(picture, "PNG")
    produced = Produced(2, picture.getvalue(), "image/png", facts={"seed": 9})
    job, asset_id = fake_store().new(a_user()).job, new_id()
    stored = await assets.store(produced, asset_id=asset_id, job=job)
    assert (stored.asset_id, stored.index, stored.units, stored.content_type) == (asset_id, 2, 1, "image/png")
    assert stored.size_bytes == len(produced.data)
    assert stored.facts == {"width": 1024, "height": 1024, "seed": 9}
    assert await assets.store(produced, asset_id=asset_id, job=job) == stored
