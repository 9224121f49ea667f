"""One call on the client side: sends deadline, identity and trace, and turns a status into an error."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

import grpc.aio
from grpc import StatusCode
from pixel_errors import DeadlineExceeded, PixelError
from pixel_telemetry import carrier_of, mark_failed, start_span

from pixel_rpc.calls import caller, remaining_s
from pixel_rpc.metrics import CLIENT_HANDLED, CLIENT_SECONDS, MethodMetrics
from pixel_rpc.server_call import REQUEST_ID_KEY, USER_ID_KEY
from pixel_rpc.statuses import from_call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HOP_S = 0.020  # subtracted from an inherited deadline, so that the caller has time to respond with the failure
LEAST_S = 0.100  # with less time left than this no call is made
_metrics: dict[str, MethodMetrics] = {}


class ClientCall:
    """The context manager of one call: `with ClientCall(...) as call: … call.outgoing() …`."""

    def __init__(self, details: grpc.aio.ClientCallDetails, *, default_deadline_s: float | None) -> None:
        self._details = details
        self._default_deadline_s = default_deadline_s

    def __enter__(self) -> Self:
        path = _path_of(self._details)
        metrics = _metrics.get(path)
        if metrics is None:
            metrics = _metrics[path] = MethodMetrics(path, CLIENT_HANDLED, CLIENT_SECONDS)
        self._method_metrics = metrics
        self._span = start_span(path.removeprefix("/"), "client", {"rpc.system": "grpc"})
        self._began = time.perf_counter()
        return self

    def outgoing(self) -> grpc.aio.ClientCallDetails:
        """Return the call details to use; raise DeadlineExceeded when too little time is left."""
        given = self._details
        timeout_s = _timeout_s(given.timeout, self._default_deadline_s)
        metadata = grpc.aio.Metadata(*(given.metadata or ()), *_context_metadata(), *carrier_of(self._span).items())
        return grpc.aio.ClientCallDetails(given.method, timeout_s, metadata, given.credentials, given.wait_for_ready)

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Count the call; raise the peer's status as a PixelError."""
        try:
            if isinstance(error, grpc.aio.AioRpcError):
                raise from_call(error) from error
        except PixelError as restored:
            mark_failed(self._span, restored)
            raise
        finally:
            self._span.end()
            self._method_metrics.finished(_code_of(error), time.perf_counter() - self._began)


def _code_of(error: BaseException | None) -> StatusCode:
    if error is None:
        return StatusCode.OK
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code()
    if isinstance(error, DeadlineExceeded):
        return StatusCode.DEADLINE_EXCEEDED
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return StatusCode.CANCELLED
    return StatusCode.UNKNOWN


def _path_of(details: grpc.aio.ClientCallDetails) -> str:
    method: str | bytes = details.method
    return method.decode() if isinstance(method, bytes) else method


def _timeout_s(asked_s: float | None, default_s: float | None) -> float | None:
    inherited_s = remaining_s()
    if inherited_s is None:
        return default_s if asked_s is None else asked_s
    left_s = inherited_s - HOP_S
    if left_s < LEAST_S:
        raise DeadlineExceeded("too little time was left to make the call")
    return left_s if asked_s is None else min(asked_s, left_s)


def _context_metadata() -> Iterator[tuple[str, str]]:
    who = caller()
    if who.user_id:
        yield USER_ID_KEY, who.user_id
    if who.request_id:
        yield REQUEST_ID_KEY, who.request_id
