from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pixel_errors import Unavailable
from pixel_rpc import open_channel
from pixel_rpc import server as rpc_server

from tests.integration.rpc.echo import SERVICE, Echo, echo_server


async def echo(text: str) -> str:
    return text


async def health_of(channel: grpc.aio.Channel, service: str) -> int:
    response = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    return int(response.status)


async def test_a_started_server_is_serving():
    server = echo_server(echo)
    await server.start()
    async with open_channel(server.address) as channel:
        assert await health_of(channel, SERVICE) == health_pb2.HealthCheckResponse.SERVING
        assert await health_of(channel, "") == health_pb2.HealthCheckResponse.SERVING
    await server.stop()


async def test_a_server_serves_while_its_service_is_ready(monkeypatch, wait_until):
    monkeypatch.setattr(rpc_server, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(rpc_server, "LOOK_AGAIN_S", 0.01)
    reasons = {"postgres": "the database is away", "bus": "ok"}

    async def ready() -> dict[str, str]:
        if "defect" in reasons:
            raise RuntimeError("a defect of ours")
        return reasons

    server = echo_server(echo, ready=ready)
    await server.start()
    async with open_channel(server.address) as channel:

        async def reports(status: int) -> bool:
            return [await health_of(channel, name) for name in ("", SERVICE)] == [status, status]

        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        assert await reports(not_serving)
        reasons["postgres"] = "ok"
        await wait_until(lambda: reports(serving))
        reasons["bus"] = "the bus is away"
        await wait_until(lambda: reports(not_serving))
        reasons["bus"] = "ok"
        await wait_until(lambda: reports(serving))
        reasons["defect"] = "ok"
        await wait_until(lambda: reports(not_serving))
        assert await Echo(channel).one("still answered") == "still answered"
    await server.stop()


async def test_reflection_lists_the_services():
    server = echo_server(echo)
    await server.start()
    async with open_channel(server.address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = {each.name async for response in call for each in response.list_services_response.service}
    await server.stop()
    assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_a_stopping_server_reports_not_serving_and_finishes_running_calls():
    running, go_on = asyncio.Event(), asyncio.Event()

    async def answer(text: str) -> str:
        running.set()
        await go_on.wait()
        return text

    server = echo_server(answer)
    await server.start()
    async with open_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        states = aiter(watch)
        assert (await anext(states)).status == health_pb2.HealthCheckResponse.SERVING
        call = asyncio.create_task(Echo(channel).one("kept"))
        await running.wait()
        stopping = asyncio.create_task(server.stop())
        assert (await anext(states)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        go_on.set()
        assert await call == "kept"
        await asyncio.wait_for(stopping, 5)


async def test_a_call_that_exceeds_the_grace_period_is_unavailable_to_its_caller():
    running = asyncio.Event()

    async def answer(_text: str) -> str:
        running.set()
        await asyncio.Event().wait()
        return ""

    server = echo_server(answer, grace_s=0.05)
    await server.start()
    async with open_channel(server.address) as channel:
        call = asyncio.create_task(Echo(channel).one())
        await running.wait()
        await asyncio.wait_for(server.stop(), 5)
        with pytest.raises(Unavailable):
            await call


async def test_stopping_is_idempotent_and_a_stopped_server_starts_again_on_its_port():
    server = echo_server(echo)
    await server.start()
    address = server.address
    async with open_channel(address) as channel:
        stub = Echo(channel)
        assert await stub.one("a") == "a"
        await server.stop()
        await server.stop()
        with pytest.raises(Unavailable):
            await stub.one("b")
        await server.start()
        assert server.address == address
        assert await stub.one("c", wait_for_ready=True) == "c"
    await server.stop()


async def test_two_servers_do_not_share_a_port():
    first = echo_server(echo)
    await first.start()
    second = echo_server(echo, address=first.address)
    with pytest.raises(RuntimeError):
        await second.start()
    await second.stop()
    await first.stop()
