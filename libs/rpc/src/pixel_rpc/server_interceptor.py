"""Wraps every handler of a server in a ServerCall."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pixel_rpc.metrics import SERVER_HANDLED, SERVER_SECONDS, MethodMetrics
from pixel_rpc.server_call import ServerCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = grpc.RpcMethodHandler[Any, Any]

_UNOBSERVED = "/grpc."  # health and reflection


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handler of a method at its first call and caches it; calls without a deadline get the default one.

    A stream of responses gets no default deadline; the caller decides when it ends.
    """

    def __init__(self, *, default_deadline_s: float) -> None:
        self._default_deadline_s = default_deadline_s
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or path.startswith(_UNOBSERVED):
            return handler  # None makes grpc answer UNIMPLEMENTED
        known = self._wrapped.get(path)
        if known is None or known[0] is not handler:
            wrap = _wrap_stream if handler.response_streaming else self._wrap_single
            known = self._wrapped[path] = (handler, wrap(path, handler))
        return known[1]

    def _wrap_single(self, path: str, handler: Handler) -> Handler:
        metrics = MethodMetrics(path, SERVER_HANDLED, SERVER_SECONDS)
        default_s = self._default_deadline_s
        behaviour: Callable[[Any, Any], Awaitable[Any]] = handler.stream_unary or handler.unary_unary  # type: ignore[assignment]

        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async with ServerCall(path, context, metrics) as call, call.within_deadline(default_s):
                return await behaviour(request, context)

        kind = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return kind(answer, handler.request_deserializer, handler.response_serializer)


def _wrap_stream(path: str, handler: Handler) -> Handler:
    metrics = MethodMetrics(path, SERVER_HANDLED, SERVER_SECONDS)
    behaviour: Any = handler.stream_stream or handler.unary_stream

    # Responses are written, not yielded: a generator suspended at a yield would survive a cancelled call.
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        async with (
            ServerCall(path, context, metrics) as call,
            call.within_deadline(None),
            aclosing(behaviour(request, context)) as responses,
        ):
            async for response in responses:
                await context.write(response)

    kind = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
    return kind(answer, handler.request_deserializer, handler.response_serializer)
