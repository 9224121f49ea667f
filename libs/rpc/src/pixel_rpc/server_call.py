"""One call on the server side: reads identity and trace, turns an error into a status, counts metrics."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import grpc.aio
from grpc import StatusCode
from opentelemetry import trace
from pixel_errors import DeadlineExceeded, Internal, Invalid, PixelError
from pixel_telemetry import bind, extracted, get_logger, mark_failed, start_span

from pixel_rpc.calls import Caller, begin_call
from pixel_rpc.statuses import to_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from pixel_rpc.metrics import MethodMetrics

log = get_logger(__name__)
USER_ID_KEY = "pixel-user-id"
REQUEST_ID_KEY = "pixel-request-id"
_LEAST_S = 0.005  # with less time left than this a response cannot arrive
_CODES = {code.value[0]: code for code in StatusCode}


class ServerCall:
    """The context manager of one handler: `async with ServerCall(...) as call, call.within_deadline(): …`."""

    def __init__(self, path: str, context: grpc.aio.ServicerContext[Any, Any], metrics: MethodMetrics) -> None:
        self._path = path
        self._context = context
        self._metrics = metrics
        self._frame = ExitStack()
        self._facts: Mapping[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._began = time.perf_counter()
        self._facts = dict(self._context.invocation_metadata() or ())
        self._frame.enter_context(extracted(self._facts))
        self._span = start_span(self._path.removeprefix("/"), "server", {"rpc.system": "grpc"})
        self._frame.enter_context(
            trace.use_span(self._span, end_on_exit=True, record_exception=False, set_status_on_exception=False)
        )
        if request_id := self._facts.get(REQUEST_ID_KEY):
            self._frame.enter_context(bind(request_id=request_id))
        return self

    @asynccontextmanager
    async def within_deadline(self, default_s: float | None) -> AsyncIterator[None]:
        """Set the caller's identity and the deadline; a call without a deadline gets the default one."""
        who = self._caller()
        sent_s: float | None = self._context.time_remaining()
        if sent_s is not None and sent_s < _LEAST_S:
            raise DeadlineExceeded("no time was left when the call arrived")
        begin_call(who, default_s if sent_s is None else sent_s)
        timer = asyncio.timeout(default_s if sent_s is None else None)  # the transport enforces a sent deadline
        try:
            async with timer:
                yield
        except TimeoutError as error:
            if timer.expired():
                raise DeadlineExceeded(f"not done within {default_s:g} s") from error
            raise

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        code = StatusCode.UNKNOWN
        try:
            if isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
                expected = self._expected(error)
                mark_failed(self._span, expected)
                status = to_status(expected)
                code = status.code
                await self._context.abort(code, status.message, status.trailing_metadata)
            code = self._final_code(error)
        finally:
            self._frame.close()
            self._metrics.finished(code, time.perf_counter() - self._began)

    def _caller(self) -> Caller:
        try:
            return Caller(
                user_id=self._facts.get(USER_ID_KEY, ""),
                request_id=self._facts.get(REQUEST_ID_KEY, ""),
            )
        except Invalid as error:
            raise Invalid(f"malformed call metadata: {error.detail}") from error

    def _expected(self, error: Exception) -> PixelError:
        """Return the error for the caller; of an unexpected one only the trace id is sent, the log has the rest."""
        if isinstance(error, PixelError):
            if error.kind == Internal.kind:
                log.error("rpc_failed", method=self._path, exc_info=error)
            return error
        log.error("rpc_failed", method=self._path, exc_info=error)
        trace_id = self._span.get_span_context().trace_id
        return Internal(metadata={"trace_id": f"{trace_id:032x}"})

    def _final_code(self, error: BaseException | None) -> StatusCode:
        if isinstance(error, asyncio.CancelledError):
            return StatusCode.DEADLINE_EXCEEDED if self._context.time_remaining() == 0 else StatusCode.CANCELLED
        set_by_handler: StatusCode | int | None = self._context.code()
        if isinstance(set_by_handler, StatusCode):
            return set_by_handler
        return StatusCode.OK if set_by_handler is None else _CODES.get(set_by_handler, StatusCode.UNKNOWN)
