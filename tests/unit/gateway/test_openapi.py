"""The document describes every endpoint: bodies, examples, rejections and access."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from pixel_gateway.domain.access import Access

from tests.fakes.gateway_endpoints import ENDPOINTS

DOCUMENTED = [each for each in ENDPOINTS.values() if each.is_documented]
WITH_BODY = [each for each in DOCUMENTED if each.body is not None]


@pytest.fixture
async def document(anonymous) -> dict:
    return (await anonymous.get("/openapi.json")).json()


def operation(document, endpoint) -> dict:
    return document["paths"][re.sub(r"\{(\w+):\w+\}", r"{\1}", endpoint.path)][endpoint.method.lower()]


async def test_every_endpoint_is_documented_once_with_its_responses(document):
    operations = [each for path in document["paths"].values() for each in path.values()]

    assert len(operations) == len(DOCUMENTED)
    assert len({each["operationId"] for each in operations}) == len(operations)
    for endpoint in DOCUMENTED:
        described = operation(document, endpoint)
        assert {str(status) for status in endpoint.statuses} <= set(described["responses"]), endpoint.path
        assert ("403" in described["responses"]) or endpoint.access is not Access.ADMIN
        assert (described["security"] == []) is (endpoint.access is Access.PUBLIC)


async def test_every_reference_has_a_target(document):
    schemas = document["components"]["schemas"]

    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in schemas


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.name)
def test_the_example_of_every_body_is_valid(endpoint):
    assert endpoint.example is not None
    msgspec.convert(endpoint.example, endpoint.body)
