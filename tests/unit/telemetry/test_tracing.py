from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pixel_errors import NotFound, Unavailable
from pixel_telemetry import extracted, inject, span, use_provider
from pixel_telemetry.tracing import start_exporting

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"}


@pytest.fixture
def exported():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_provider(provider)
    yield exporter.get_finished_spans
    use_provider(None)
    provider.shutdown()


def test_without_an_exporter_a_span_has_new_ids():
    assert inject() == {}
    with span("outer"):
        outer = inject()["traceparent"].split("-")
        with span("inner"):
            inner = inject()["traceparent"].split("-")
    assert outer[1] == inner[1]
    assert outer[2] != inner[2]
    assert inject() == {}


def test_without_an_exporter_the_callers_sampled_flag_and_state_are_passed_on():
    with extracted(SAMPLED), span("work"):
        carried = inject()
    assert carried["traceparent"].startswith(f"00-{TRACE}-")
    assert carried["traceparent"].endswith("-01")
    assert carried["tracestate"] == "vendor=1"


@pytest.mark.parametrize(
    "carrier",
    [{}, {"traceparent": ""}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}],
)
def test_without_a_valid_carrier_a_new_trace_starts(carrier):
    with span("outer"), extracted(carrier):
        assert inject() == {}
        with span("work"):
            assert TRACE not in inject()["traceparent"]


async def test_concurrent_work_keeps_its_own_trace():
    async def work(number):
        with extracted({"traceparent": f"00-{number:032x}-b7ad6b7169203331-00"}):
            await asyncio.sleep(0)
            return int(inject()["traceparent"].split("-")[1], 16)

    assert await asyncio.gather(*(work(number) for number in range(1, 20))) == list(range(1, 20))


def test_an_unexpected_error_marks_the_span_without_its_text(exported):
    with pytest.raises(RuntimeError), span("work", "consumer", topic="t"):
        raise RuntimeError("password=hunter2")
    (finished,) = exported()
    assert finished.status.status_code is StatusCode.ERROR
    assert dict(finished.attributes) == {"topic": "t", "error.type": "RuntimeError"}
    assert "hunter2" not in finished.to_json()


def test_an_error_caused_by_the_caller_does_not_fail_the_span(exported):
    for error in (NotFound(), Unavailable()):
        with pytest.raises(type(error)), span("work"):
            raise error
    assert [finished.status.status_code for finished in exported()] == [StatusCode.UNSET, StatusCode.ERROR]


def test_an_endpoint_without_the_exporter_package_is_a_clear_error():
    if find_spec("opentelemetry.exporter") is not None:
        pytest.skip("the exporter package is installed")
    with pytest.raises(RuntimeError, match="opentelemetry-exporter-otlp-proto-grpc is not installed"):
        start_exporting("svc", otlp_endpoint="http://localhost:4317", sample_ratio=1.0)
