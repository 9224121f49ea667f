"""Traces: W3C context over HTTP, gRPC, the bus and SQL.

Without an exporter nothing is recorded, but every span has valid ids, so that log lines of one request share a trace
id across processes, and the caller's sampled flag is passed on to services that record.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context

_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_propagator = TraceContextTextMapPropagator()
_INTERNAL_KINDS = frozenset({"internal", "unavailable", "deadline"})


class _State:
    """The recording tracer of this process; None without an exporter."""

    tracer: trace.Tracer | None = None


def use_provider(provider: trace.TracerProvider | None) -> None:
    """Record spans with this provider; None records nothing and keeps the ids."""
    _State.tracer = provider.get_tracer("pixel") if provider is not None else None


def start_exporting(service: str, *, otlp_endpoint: str, sample_ratio: float) -> None:
    """Send sampled spans to an OTLP/gRPC endpoint; raise RuntimeError when the exporter package is missing."""
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # type: ignore[import-not-found]
            OTLPSpanExporter,
        )
    except ImportError as error:
        raise RuntimeError(
            "an OTLP endpoint is set, but the package opentelemetry-exporter-otlp-proto-grpc is not installed"
        ) from error
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.namespace": "pixel"}),
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
    )
    exporter = OTLPSpanExporter(endpoint=otlp_endpoint, insecure=not otlp_endpoint.startswith("https://"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    use_provider(provider)


def start_span(name: str, kind: str = "internal", attributes: Mapping[str, Any] | None = None) -> Span:
    """Start a child of the current span without making it current; the caller ends it."""
    if _State.tracer is None:
        return NonRecordingSpan(_child_of(trace.get_current_span().get_span_context()))
    return _State.tracer.start_span(name, kind=_KINDS[kind], attributes=dict(attributes) if attributes else None)


@contextmanager
def span(name: str, kind: str = "internal", **attributes: Any) -> Iterator[Span]:
    """Run the block in a span of kind server, client, producer, consumer or internal.

    An unexpected error marks the span with the error's type; error texts are not traced.
    """
    current = start_span(name, kind, attributes)
    token = otel_context.attach(trace.set_span_in_context(current))
    try:
        yield current
    except Exception as error:
        mark_failed(current, error)
        raise
    finally:
        otel_context.detach(token)
        current.end()


def mark_failed(current: Span, error: Exception) -> None:
    """Write the type of an error on a span; errors caused by the caller do not mark the span as failed."""
    if not current.is_recording():
        return
    current.set_attribute("error.type", str(getattr(error, "code", type(error).__name__)))
    if getattr(error, "kind", "internal") in _INTERNAL_KINDS:
        current.set_status(Status(StatusCode.ERROR, type(error).__name__))


def inject() -> dict[str, str]:
    """Return `traceparent` (and `tracestate`) of the current span; empty outside of a span."""
    return carrier_of(trace.get_current_span())


def carrier_of(current: Span) -> dict[str, str]:
    """Return the headers with which another process continues under this span."""
    context = current.get_span_context()
    if not context.is_valid:
        return {}
    carrier = {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
    if context.trace_state:
        carrier["tracestate"] = context.trace_state.to_header()
    return carrier


@contextmanager
def extracted(carrier: Mapping[str, str]) -> Iterator[None]:
    """Continue the trace of a carrier (lower-case keys); without a valid one the block starts a new trace."""
    token = otel_context.attach(_context_of(carrier))
    try:
        yield
    finally:
        otel_context.detach(token)


def _context_of(carrier: Mapping[str, str]) -> Context:
    root = trace.set_span_in_context(INVALID_SPAN)
    return _propagator.extract(carrier, context=root) if "traceparent" in carrier else root


def _child_of(parent: SpanContext) -> SpanContext:
    span_id = random.getrandbits(64) or 1
    if parent.is_valid:
        return SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state)
    return SpanContext(random.getrandbits(128) or 1, span_id, False)
