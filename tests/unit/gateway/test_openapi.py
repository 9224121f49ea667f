"""The document tells every door as it is: its bodies, examples, rejections and who may use it."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from pixel_events import BusHealth
from pixel_gateway.adapters.inbound.http.all_doors import all_doors
from pixel_gateway.adapters.inbound.http.health import Health
from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
from pixel_gateway.domain.access import Access

from tests.fakes.gateway import Backstage


async def _ready() -> dict[str, str]:
    return {}


async def _bus() -> BusHealth:
    return BusHealth(reachable=True)


DOORS = [
    door
    for door in all_doors(Backstage().app, Health(ready=_ready, bus=_bus), OpenStreams(), image_wait_s=0.1)
    if door.is_documented
]
WITH_BODY = [door for door in DOORS if door.body is not None]


@pytest.fixture
async def document(anonymous) -> dict:
    return (await anonymous.get("/openapi.json")).json()


def operation(document, door) -> dict:
    return document["paths"][re.sub(r"\{(\w+):\w+\}", r"{\1}", door.path)][door.method.lower()]


async def test_every_door_is_described_once_with_its_answers(document):
    operations = [each for path in document["paths"].values() for each in path.values()]

    assert len(operations) == len(DOORS)
    assert len({each["operationId"] for each in operations}) == len(operations)
    for door in DOORS:
        described = operation(document, door)
        assert {str(status) for status in [*door.answers, *door.problems]} <= set(described["responses"]), door.path
        assert ("403" in described["responses"]) or door.access is not Access.ADMIN
        assert (described["security"] == []) is (door.access is Access.PUBLIC)


async def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]

    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in schemas


@pytest.mark.parametrize("door", WITH_BODY, ids=lambda door: f"{door.method} {door.path}")
def test_the_example_of_every_body_is_a_body_of_its_door(door):
    assert door.body_example is not None
    msgspec.convert(door.body_example, door.body)
