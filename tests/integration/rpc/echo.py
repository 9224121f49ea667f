"""A service with every kind of call over plain text messages; the test supplies the handler."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue
from pixel_rpc import RpcServer, open_channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SERVICE = "pixel.test.v1.EchoService"


class Echo:
    """Stubs of the service, each text to text."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        codec: dict[str, Any] = {
            "request_serializer": StringValue.SerializeToString,
            "response_deserializer": StringValue.FromString,
        }
        self._one: Any = channel.unary_unary(f"/{SERVICE}/One", **codec)
        self._many: Any = channel.unary_stream(f"/{SERVICE}/Many", **codec)
        self._join: Any = channel.stream_unary(f"/{SERVICE}/Join", **codec)

    async def one(self, text: str = "", **options: Any) -> str:
        response: StringValue = await self._one(StringValue(value=text), **options)
        return response.value

    async def many(self, text: str = "", **options: Any) -> AsyncIterator[str]:
        async for response in self._many(StringValue(value=text), **options):
            yield response.value

    def many_call(self, text: str) -> Any:
        return self._many(StringValue(value=text))

    async def join(self, texts: list[str], **options: Any) -> str:
        response: StringValue = await self._join((StringValue(value=text) for text in texts), **options)
        return response.value


def _register(answer: Callable[[str], Awaitable[str]]) -> Callable[[grpc.aio.Server], None]:
    async def one(request: StringValue, _context: object) -> StringValue:
        return StringValue(value=await answer(request.value))

    async def many(request: StringValue, _context: object) -> AsyncIterator[StringValue]:
        for word in request.value.split():
            yield StringValue(value=await answer(word))

    async def join(requests: AsyncIterator[StringValue], _context: object) -> StringValue:
        words = [request.value async for request in requests]
        return StringValue(value=await answer(" ".join(words)))

    codec: dict[str, Any] = {
        "request_deserializer": StringValue.FromString,
        "response_serializer": StringValue.SerializeToString,
    }
    handlers = {
        "One": grpc.unary_unary_rpc_method_handler(one, **codec),
        "Many": grpc.unary_stream_rpc_method_handler(many, **codec),
        "Join": grpc.stream_unary_rpc_method_handler(join, **codec),
    }
    return lambda server: server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def echo_server(answer: Callable[[str], Awaitable[str]], *, address: str = "127.0.0.1:0", **options: Any) -> RpcServer:
    return RpcServer("echo", address, _register(answer), services=[SERVICE], **options)


@asynccontextmanager
async def echoing(answer: Callable[[str], Awaitable[str]], **options: Any) -> AsyncIterator[Echo]:
    """Run a server that answers with `answer`, and yield stubs on a channel to it."""
    server = echo_server(answer, **options)
    await server.start()
    channel = open_channel(server.address)
    try:
        yield Echo(channel)
    finally:
        await channel.close()
        await server.stop()
