from __future__ import annotations

import asyncio
from urllib.request import urlopen

import pytest
from pixel_telemetry import MetricsServer
from prometheus_client import CollectorRegistry, Counter


def read(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        text: str = response.read().decode()
    return text


async def test_metrics_are_served_on_a_free_port_until_stopped():
    registry = CollectorRegistry()
    Counter("pictures_total", "Pictures made", registry=registry).inc(3)
    server = MetricsServer("127.0.0.1:0", registry=registry)
    await server.start()
    await server.start()
    assert "pictures_total 3.0" in await asyncio.to_thread(read, server.port)
    await server.stop()
    await server.stop()
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(read, server.port)


async def test_a_taken_port_is_refused():
    first = MetricsServer("127.0.0.1:0", registry=CollectorRegistry())
    await first.start()
    second = MetricsServer(f"127.0.0.1:{first.port}", registry=CollectorRegistry())
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()
    await first.stop()


@pytest.mark.parametrize("address", ["", "9464", "localhost", "localhost:x"])
def test_a_malformed_address_is_refused(address):
    with pytest.raises(ValueError, match="host:port"):
        MetricsServer(address)
