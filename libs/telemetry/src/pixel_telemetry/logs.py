"""Log lines: one JSON object each on stderr, from structlog and from stdlib logging alike.

A line has `time`, `level`, `service`, `module`, `event`, then `trace_id` and `span_id` of the current span, the bound
fields (`request_id`, `job_id`) and the event's own keys.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from opentelemetry import trace

from pixel_telemetry.redaction import redact_event, redact_text

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager

    from structlog.typing import Processor

_LEVELS = ("debug", "info", "warning", "error", "critical")
_CHATTY = (
    "uvicorn.access", "httpx", "httpcore", "botocore", "boto3", "urllib3", "alembic.runtime.migration", "pyvips",
)  # fmt: skip
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_encoder = msgspec.json.Encoder(enc_hook=str)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; `log.info("job_claimed", job_id=…)` writes one line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def bind(**facts: str) -> AbstractContextManager[None]:
    """Add these fields to every line logged inside the block."""
    return structlog.contextvars.bound_contextvars(**facts)


def configure(service: str, *, log_level: str, json_logs: bool) -> None:
    """Send structlog and stdlib logging to stderr in one format; raise ValueError for an unknown level."""
    if log_level.lower() not in _LEVELS:
        raise ValueError(f"unknown log level {log_level!r}; use one of {', '.join(_LEVELS)}")
    level = logging.getLevelNamesMapping()[log_level.upper()]
    chain = _chain(service)
    last: list[Processor] = [_format_exception, redact_event, render_json if json_logs else _console()]
    structlog.configure(
        processors=[*chain, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if json_logs
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _add_module, *chain],
            processors=[_drop_record, *last[:-1], _render_text if json_logs else last[-1]],
        )
    )
    _take_over_stdlib(handler, level)


def _chain(service: str) -> list[Processor]:
    def add_service(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        add_service,
        add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the current span (a structlog processor)."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """Write the event as JSON; a value that JSON cannot represent is written as its repr."""
    try:
        return _encoder.encode(event)
    except _UNENCODABLE:
        return _encoder.encode({_printable(key): _encodable(value) for key, value in event.items()})


def _encodable(value: object) -> object:
    try:
        _encoder.encode(value)
    except _UNENCODABLE:
        return _printable(value)
    return value


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _render_text(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    return render_json(logger, method, event).decode()


def _format_exception(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if not event.get("exc_info"):
        event.pop("exc_info", None)
        return event
    formatted: MutableMapping[str, Any] = dict(structlog.processors.format_exc_info(logger, method, event))
    if "exception" in formatted:
        formatted["exception"] = redact_text(str(formatted["exception"]))
    return formatted


def _console() -> Processor:
    # Plain tracebacks: the rich ones print local variables, which can be prompts and keys.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _add_module(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record: logging.LogRecord = event["_record"]
    event["module"] = record.name
    return event


def _drop_record(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in ("_record", "_from_structlog", "color_message", "taskName"):
        event.pop(key, None)
    return event


def _take_over_stdlib(handler: logging.Handler, level: int) -> None:
    """Send every stdlib logger through one handler, also loggers with handlers of their own."""
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Their info lines duplicate ours.
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
