"""Reads counters as a scraper does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.loopback import http_client


async def sample(address: str, name: str, **labels: str) -> float:
    """Return the sum of a process's samples with this name and these labels; 0 when there is none."""
    async with http_client() as http:
        answer = await http.get(f"http://{address}/metrics")
    return sum(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
