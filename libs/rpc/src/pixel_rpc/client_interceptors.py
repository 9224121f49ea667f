"""Wraps every call of a channel in a ClientCall; grpc.aio needs one class for each kind of call."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import grpc.aio

from pixel_rpc.client_call import ClientCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Details = grpc.aio.ClientCallDetails


class UnaryCalls(grpc.aio.UnaryUnaryClientInterceptor):
    """One request, one response."""

    def __init__(self, default_deadline_s: float) -> None:
        self._default_deadline_s = default_deadline_s

    async def intercept_unary_unary(
        self, continuation: Callable[[Details, Any], Any], client_call_details: Details, request: Any
    ) -> Any:
        with ClientCall(client_call_details, default_deadline_s=self._default_deadline_s) as call:
            return await (await continuation(call.outgoing(), request))


class RequestStreams(grpc.aio.StreamUnaryClientInterceptor):
    """Many requests, given as an iterator (not by `write()`), and one response."""

    def __init__(self, default_deadline_s: float) -> None:
        self._default_deadline_s = default_deadline_s

    async def intercept_stream_unary(
        self, continuation: Callable[[Details, Any], Any], client_call_details: Details, request_iterator: Any
    ) -> Any:
        with ClientCall(client_call_details, default_deadline_s=self._default_deadline_s) as call:
            rpc = await continuation(call.outgoing(), request_iterator)
            await rpc
            return rpc


class ResponseStreams(grpc.aio.UnaryStreamClientInterceptor):
    """One request, many responses: no default deadline, as the reader decides when a stream ends.

    A reader that stops early calls `cancel()` on the call; otherwise the server works on until its next write fails.
    """

    async def intercept_unary_stream(
        self, continuation: Callable[[Details, Any], Any], client_call_details: Details, request: Any
    ) -> Any:
        with ExitStack() as frame:
            call = frame.enter_context(ClientCall(client_call_details, default_deadline_s=None))
            rpc = await continuation(call.outgoing(), request)
            return _responses(rpc, frame.pop_all())


async def _responses(rpc: Any, frame: ExitStack) -> AsyncIterator[Any]:
    with frame:
        try:
            async for response in rpc:
                yield response
        finally:
            rpc.cancel()  # ends the server's work when the reader is cancelled; does nothing after the last response
