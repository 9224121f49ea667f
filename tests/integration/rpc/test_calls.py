from __future__ import annotations

import asyncio
import time

import pytest
from grpc.aio import AioRpcError, insecure_channel
from opentelemetry import trace
from pixel_errors import DeadlineExceeded, Invalid
from pixel_rpc import Caller, caller, calling_as, deadline, remaining_s
from pixel_telemetry import extracted, inject
from prometheus_client import REGISTRY

from tests.integration.rpc.echo import SERVICE, Echo, echo_server, echoing


async def until(condition, within_s=5.0):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"service": SERVICE, **labels}) or 0.0


async def left(_text: str) -> str:
    return str(remaining_s())


async def test_a_call_without_a_deadline_gets_the_default_one():
    async with echoing(left) as echo:
        assert 4.5 < float(await echo.one()) < 5.1
        assert 4.5 < float(await echo.join(["a"])) < 5.1


async def test_a_stream_of_responses_has_no_default_deadline():
    async with echoing(left) as echo:
        assert [text async for text in echo.many("a b")] == ["None", "None"]


async def test_an_inherited_deadline_is_sent_20_ms_shorter():
    async with echoing(left) as echo:
        with deadline(2.0):
            # The transport rounds what it sends up by some milliseconds.
            assert 1.5 < float(await echo.one()) < 2.0
            assert 1.5 < float(await echo.one(timeout=60)) < 2.0
            assert [1.5 < float(text) < 2.0 async for text in echo.many("a")] == [True]


async def test_with_less_than_100_ms_left_no_call_is_made():
    calls = []

    async def answer(text: str) -> str:
        calls.append(text)
        return text

    async with echoing(answer) as echo:
        with deadline(0.11):
            with pytest.raises(DeadlineExceeded):
                await echo.one()
            with pytest.raises(DeadlineExceeded):
                await echo.join(["a"])
            with pytest.raises(DeadlineExceeded):
                _ = [text async for text in echo.many("a")]
    assert calls == []


async def test_a_call_that_arrives_without_time_left_has_no_effect():
    calls = []

    async def answer(text: str) -> str:
        calls.append(text)
        return text

    async with echoing(answer) as echo:
        assert await echo.one("connected") == "connected"
        with pytest.raises(DeadlineExceeded):
            await echo.one("late", timeout=0.001)
    assert calls == ["connected"]


async def test_work_past_the_deadline_is_cancelled_at_the_server():
    ended = asyncio.Event()

    async def answer(_text: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    labels = {"method": "One", "code": "DEADLINE_EXCEEDED"}
    before = counted("grpc_server_handled_total", **labels)
    async with echoing(answer) as echo:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await echo.one(timeout=0.2)
        assert time.monotonic() - began < 1.0
        await asyncio.wait_for(ended.wait(), 5)
        await until(lambda: counted("grpc_server_handled_total", **labels) == before + 1)


async def test_the_server_bounds_a_call_that_came_without_a_deadline():
    async def answer(_text: str) -> str:
        await asyncio.Event().wait()
        return ""

    server = echo_server(answer, default_deadline_s=0.1)
    await server.start()
    async with insecure_channel(server.address) as channel:
        with pytest.raises(AioRpcError, match=r"not done within 0\.1 s"):
            await Echo(channel).one()
    await server.stop()


async def test_a_time_out_inside_the_handler_is_not_the_callers_deadline():
    async def answer(_text: str) -> str:
        raise TimeoutError

    async with echoing(answer) as echo:
        with pytest.raises(Exception, match="unexpected") as raised:
            await echo.one()
    assert getattr(raised.value, "kind", "") == "internal"


async def test_the_identity_reaches_the_server_for_that_call_only():
    async def answer(_text: str) -> str:
        who = caller()
        return f"{who.user_id}/{who.request_id}"

    async with echoing(answer) as echo:
        with calling_as(Caller(user_id="usr_1", request_id="req-1")):
            assert await echo.one() == "usr_1/req-1"
            assert [text async for text in echo.many("a")] == ["usr_1/req-1"]
            assert await echo.join(["a"]) == "usr_1/req-1"
        assert await echo.one() == "/"


async def test_identity_and_deadline_of_the_starting_task_do_not_leak_into_calls():
    async def answer(_text: str) -> str:
        return f"{caller().user_id}"

    with calling_as(Caller(user_id="starter")), deadline(30):
        context = echoing(answer)
        echo = await context.__aenter__()
    assert await echo.one() == ""
    await context.__aexit__(None, None, None)


async def test_the_trace_reaches_the_server():
    async def answer(_text: str) -> str:
        context = trace.get_current_span().get_span_context()
        return f"{context.trace_id:032x} {context.trace_flags:02x}"

    trace_id = "0af7651916cd43dd8448eb211c80319c"
    async with echoing(answer) as echo:
        with extracted({"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}):
            assert await echo.one() == f"{trace_id} 01"
            assert [text async for text in echo.many("a")] == [f"{trace_id} 01"]
        alone = (await echo.one()).split()[0]
        assert alone not in (trace_id, "0" * 32)
    assert inject() == {}


async def test_a_cancelled_caller_cancels_the_work():
    started, ended = asyncio.Event(), asyncio.Event()

    async def answer(_text: str) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async with echoing(answer) as echo:
        call = asyncio.create_task(echo.one())
        await asyncio.wait_for(started.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_cancelled_stream_ends_at_the_server():
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def answer(text: str) -> str:
        if text == "second":
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
        return text

    async with echoing(answer) as echo:
        rpc = echo.many_call("first second")
        responses = aiter(rpc)
        assert (await anext(responses)).value == "first"
        await asyncio.wait_for(waiting.wait(), 5)
        rpc.cancel()
        await asyncio.wait_for(ended.wait(), 5)


async def test_calls_are_counted_on_both_sides():
    async def answer(text: str) -> str:
        if text == "bad":
            raise Invalid("no")
        return text

    def totals(code: str) -> tuple[float, float]:
        labels = {"method": "One", "code": code}
        return counted("grpc_server_handled_total", **labels), counted("grpc_client_handled_total", **labels)

    ok, invalid = totals("OK"), totals("INVALID_ARGUMENT")
    seconds = counted("grpc_server_handling_seconds_count", method="One")
    async with echoing(answer) as echo:
        await echo.one("good")
        with pytest.raises(Invalid):
            await echo.one("bad")
    assert totals("OK") == (ok[0] + 1, ok[1] + 1)
    assert totals("INVALID_ARGUMENT") == (invalid[0] + 1, invalid[1] + 1)
    assert counted("grpc_server_handling_seconds_count", method="One") == seconds + 2
