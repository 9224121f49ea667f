from __future__ import annotations

import logging

import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from pixel_errors import KINDS, Exhausted, Internal, NotFound, PixelError, Unavailable, Violation
from pixel_rpc import open_channel

from tests.integration.rpc.echo import SERVICE, Echo, echo_server, echoing


class JobNotFound(NotFound):
    """There is no such job."""

    reason = "JOB_NOT_FOUND"


async def made(echo: Echo, shape: str) -> None:
    if shape == "one":
        await echo.one("x")
    elif shape == "many":
        _ = [text async for text in echo.many("x y")]
    else:
        await echo.join(["x", "y"])


async def caught(error: Exception, shape: str) -> PixelError:
    async def answer(_text: str) -> str:
        raise error

    async with echoing(answer) as echo:
        with pytest.raises(PixelError) as raised:
            await made(echo, shape)
    return raised.value


@pytest.mark.parametrize("shape", ["one", "many", "join"])
@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_every_kind_of_error_comes_back_as_it_was_raised(kind, shape):
    sent = KINDS[kind](
        "Not today – 写真 🎨",
        reason="SOME_REASON",
        metadata={"job_id": "gen_1", "limit": "10"},
        violations=(Violation("options.size", "expected 1 to 4096"), Violation("n", "expected 1 to 10")),
        retry_after_s=1.25,
    )
    got = await caught(sent, shape)
    assert type(got) is type(sent)
    assert (got.kind, got.code, got.detail) == (kind, "SOME_REASON", "Not today – 写真 🎨")
    assert got.metadata == sent.metadata
    assert got.violations == sent.violations
    assert got.retry_after_s == 1.25


async def test_a_service_error_comes_back_as_its_kind_with_its_reason():
    got = await caught(JobNotFound(), "one")
    assert type(got) is NotFound
    assert (got.code, got.detail, got.retry_after_s, got.violations) == (
        "JOB_NOT_FOUND",
        "There is no such job.",
        None,
        (),
    )


@pytest.mark.parametrize("shape", ["one", "many", "join"])
async def test_the_text_of_an_unexpected_error_is_not_sent(shape, caplog):
    with caplog.at_level(logging.CRITICAL):
        got = await caught(RuntimeError("password=hunter2"), shape)
    assert type(got) is Internal
    assert "hunter2" not in f"{got!r} {got.detail} {got.metadata} {got.__cause__!r}"
    assert len(got.metadata["trace_id"]) == 32


async def test_an_error_that_is_too_large_arrives_truncated():
    sent = Exhausted(
        "ü" * 100_000,
        metadata={f"key{number}": "v" * 10_000 for number in range(100)},
        violations=tuple(Violation(f"field[{number}]" * 100, "🎨" * 1000) for number in range(1000)),
        retry_after_s=0.001,
    )
    got = await caught(sent, "one")
    assert type(got) is Exhausted
    assert got.detail == "ü" * 1024
    assert len(got.violations) == 32
    assert got.retry_after_s == 0.001


async def test_a_lone_surrogate_in_an_error_does_not_hide_the_error():
    got = await caught(NotFound("no \ud800 here", metadata={"text": "\udfff"}), "one")
    assert type(got) is NotFound
    assert got.detail == "no ? here"


async def test_a_message_over_the_limit_is_exhausted():
    async def answer(text: str) -> str:
        return text * 10

    async with echoing(answer, max_message_bytes=100_000) as echo:
        with pytest.raises(Exhausted):
            await echo.one("x" * 100_001)
        with pytest.raises(Exhausted):
            await echo.one("x" * 20_000)
        assert await echo.one("fits") == "fits" * 10


async def test_an_unreachable_server_is_unavailable_and_its_address_is_withheld():
    async def answer(text: str) -> str:
        return text

    server = echo_server(answer)
    await server.start()
    await server.stop()
    async with open_channel(server.address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/One",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        with pytest.raises(Unavailable) as raised:
            await call(StringValue())
    assert "127.0.0.1" not in raised.value.detail


async def test_an_unknown_method_is_internal_to_the_caller():
    async def answer(text: str) -> str:
        return text

    server = echo_server(answer)
    await server.start()
    async with open_channel(server.address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/Nope",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        with pytest.raises(Internal) as raised:
            await call(StringValue())
    await server.stop()
    assert isinstance(raised.value.__cause__, grpc.aio.AioRpcError)
