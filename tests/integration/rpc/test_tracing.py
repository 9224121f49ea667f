from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, get_current_span
from pixel_errors import Internal, NotFound, PixelError
from pixel_telemetry import extracted, span, use_provider

from tests.integration.rpc.echo import echoing

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
METHOD = "pixel.test.v1.EchoService/One"


@pytest.fixture
def exported():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_provider(provider)
    yield exporter.get_finished_spans
    use_provider(None)
    provider.shutdown()


async def test_one_trace_crosses_http_and_grpc(exported):
    async def answer(text: str) -> str:
        with span("SELECT", "client"):
            return f"{get_current_span().get_span_context().trace_id:032x} {text}"

    async def handle_http(headers: dict[str, str]) -> str:
        with extracted(headers), span("POST /api/generations", "server"):
            return await echo.one("hello")

    async with echoing(answer) as echo:
        assert await handle_http(SAMPLED) == f"{TRACE} hello"
    spans = {finished.name + ":" + finished.kind.name: finished for finished in exported()}
    http = spans["POST /api/generations:SERVER"]
    client = spans["pixel.test.v1.EchoService/One:CLIENT"]
    server = spans["pixel.test.v1.EchoService/One:SERVER"]
    query = spans["SELECT:CLIENT"]
    assert f"{http.parent.span_id:016x}" == "b7ad6b7169203331"
    assert client.parent.span_id == http.context.span_id
    assert server.parent.span_id == client.context.span_id
    assert query.parent.span_id == server.context.span_id
    assert {f"{finished.context.trace_id:032x}" for finished in spans.values()} == {TRACE}


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [(NotFound(), NotFound, StatusCode.UNSET), (RuntimeError("password=hunter2"), Internal, StatusCode.ERROR)],
)
async def test_a_failed_call_marks_client_and_server_span_by_the_cause(exported, error, kind, status):
    async def answer(_text: str) -> str:
        raise error

    async with echoing(answer) as echo:
        with pytest.raises(PixelError) as raised:
            await echo.one()
    assert type(raised.value) is kind
    spans = [finished for finished in exported() if finished.name == METHOD]
    assert [finished.status.status_code for finished in spans] == [status, status]
    assert "hunter2" not in "".join(finished.to_json() for finished in spans)
