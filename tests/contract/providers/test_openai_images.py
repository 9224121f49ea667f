"""OpenAIImages with the loopback server: every kind of response, and the number of calls."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from PIL import Image
from pixel_generation.adapters.outbound.providers.openai import OpenAIImages
from pixel_generation.domain.billing.token_prices import TokenPrice, parse_token_prices
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import ImageRequest, ProducedImage

from tests.fakes.openai_server import Fault, OpenAIServer, run_openai_server


def a_request(**facts) -> ImageRequest:
    defaults: dict[str, Any] = {
        "generation_id": "gen_1",
        "attempt": 1,
        "provider_model": "gpt-image-2",
        "prompt": "a lighthouse at dawn",
        "count": 2,
        "width": 64,
        "height": 48,
        "timeout_s": 5.0,
    }
    return ImageRequest(**(defaults | facts))


@asynccontextmanager
async def provider(*plan: Fault, **settings) -> AsyncIterator[tuple[OpenAIImages, OpenAIServer]]:
    async with run_openai_server(plan) as server:
        images = OpenAIImages(api_key="sk-test", base_url=server.base_url, **settings)
        try:
            yield images, server
        finally:
            await images.close()


async def collected(images: OpenAIImages, request: ImageRequest) -> list[ProducedImage]:
    return [image async for image in images.generate(request)]


async def test_the_test_server_is_compatible_with_the_vendors_sdk():
    async with run_openai_server() as server, openai.AsyncOpenAI(api_key="k", base_url=server.base_url) as client:
        models = await client.models.list()
        answer = await client.images.generate(model="gpt-image-2", prompt="a boat", size="64x64", n=3)
    assert [model.id for model in models.data] == ["gpt-image-2"]
    assert answer.data is not None
    assert len(answer.data) == 3
    assert [call.path for call in server.calls] == ["/v1/models", "/v1/images/generations"]


async def test_the_request_uses_the_vendors_field_names_and_values():
    async with provider() as (images, server):
        request = a_request(style="ink", quality="hd", end_user="u-7", parameters={"background": "opaque", "x": 1})
        await collected(images, request)
    assert server.generations[0].body == {
        "model": "gpt-image-2",
        "prompt": "a lighthouse at dawn\n\nStyle: ink",
        "n": 2,
        "size": "64x48",
        "quality": "high",
        "safety_identifier": "u-7",
        "background": "opaque",
    }


async def test_each_picture_carries_its_index_the_request_id_and_its_share_of_the_cost():
    price = TokenPrice(text_input=5_000_000, image_input=8_000_000, image_output=30_000_001)
    async with provider(prices={"gpt-image-2": price}) as (images, _):
        pictures = await collected(images, a_request())
    assert [picture.index for picture in pictures] == [0, 1]
    assert {picture.provider_request_id for picture in pictures} == {"req_00000000"}
    assert sum(picture.cost_usd_micros or 0 for picture in pictures) == 250 + 60_000


async def test_the_cost_is_unknown_without_a_price():
    async with provider() as (images, _):
        pictures = await collected(images, a_request())
    assert [picture.cost_usd_micros for picture in pictures] == [None, None]


async def test_fewer_images_than_requested_are_delivered():
    async with provider(Fault.FEWER) as (images, _):
        pictures = await collected(images, a_request(count=3))
    assert [picture.index for picture in pictures] == [0, 1]


async def test_a_truncated_image_is_passed_on_for_the_store_to_refuse():
    async with provider(Fault.TRUNCATED_PNG) as (images, _):
        pictures = await collected(images, a_request(count=1, width=512, height=512))
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(pictures[0].data)).load()


FAILURES = [
    (Fault.RATE_LIMITED, "provider_rate_limited", Outcome.NOT_SENT, True, 7.0),
    (Fault.QUOTA_SPENT, "provider_quota_exhausted", Outcome.NOT_SENT, False, None),
    (Fault.SERVER_ERROR, "provider_unavailable", Outcome.UNKNOWN, False, None),
    (Fault.BAD_GATEWAY_HTML, "provider_unavailable", Outcome.UNKNOWN, False, None),
    (Fault.UNAVAILABLE_HTML, "provider_unavailable", Outcome.NOT_SENT, True, 3.0),
    (Fault.UNAUTHORIZED, "provider_unauthorized", Outcome.NOT_SENT, False, None),
    (Fault.MODERATED, "blocked", Outcome.SENT, False, None),
    (Fault.INVALID, "provider_rejected", Outcome.NOT_SENT, False, None),
    (Fault.HANG, "provider_timeout", Outcome.UNKNOWN, False, None),
    (Fault.DRIP, "provider_timeout", Outcome.UNKNOWN, False, None),
    (Fault.RESET, "provider_unavailable", Outcome.UNKNOWN, False, None),
    (Fault.CUT, "provider_unavailable", Outcome.UNKNOWN, False, None),
    (Fault.WRONG_TYPE, "no_output", Outcome.SENT, False, None),
    (Fault.EMPTY_DATA, "no_output", Outcome.SENT, False, None),
    (Fault.ZERO_BYTES, "no_output", Outcome.SENT, False, None),
    (Fault.BROKEN_BASE64, "no_output", Outcome.SENT, False, None),
]


@pytest.mark.parametrize(
    ("fault", "code", "outcome", "retryable", "wait_s"), FAILURES, ids=[row[0] for row in FAILURES]
)
async def test_a_failed_call_has_its_outcome_and_is_made_once(fault, code, outcome, retryable, wait_s):
    async with provider(fault) as (images, server):
        timeout_s = 0.4 if fault in {Fault.HANG, Fault.DRIP} else 5.0
        with pytest.raises(ProviderError) as caught:
            await collected(images, a_request(timeout_s=timeout_s))
    error = caught.value
    assert (error.failure_code, error.outcome, error.retryable) == (code, outcome, retryable)
    assert error.retry_after_s == wait_s
    assert len(server.generations) == 1


async def test_a_refused_connection_counts_as_not_sent():
    async with run_openai_server() as server:
        pass
    images = OpenAIImages(api_key="sk-test", base_url=server.base_url)
    with pytest.raises(ProviderError) as caught:
        await collected(images, a_request())
    await images.close()
    assert (caught.value.failure_code, caught.value.outcome, caught.value.retryable) == (
        "provider_unavailable",
        Outcome.NOT_SENT,
        True,
    )


async def test_the_error_contains_neither_the_providers_text_nor_the_key():
    async with provider(Fault.UNAUTHORIZED) as (images, _):
        with pytest.raises(ProviderError) as caught:
            await collected(images, a_request())
    assert caught.value.detail == "The provider answered 401 (invalid_api_key)"


async def test_a_cancelled_call_ends_at_once_and_is_not_repeated():
    async with provider(Fault.HANG) as (images, server):
        call = asyncio.create_task(collected(images, a_request(timeout_s=60)))
        async with asyncio.timeout(5):
            while not server.generations:
                await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert len(server.generations) == 1


def test_token_prices_are_read_in_dollars_for_a_million_tokens():
    assert parse_token_prices("gpt-image-2=5,10,40; other = 0,0.5,1;") == {
        "gpt-image-2": TokenPrice(5_000_000, 10_000_000, 40_000_000),
        "other": TokenPrice(0, 500_000, 1_000_000),
    }
    assert parse_token_prices("") == {}


@pytest.mark.parametrize("text", ["gpt-image-2", "gpt-image-2=5,10", "m=a,b,c", "m=-1,0,0", "m=nan,0,0", "m=inf,0,0"])
def test_invalid_token_prices_are_refused(text):
    with pytest.raises(ValueError, match=r"float|form"):
        parse_token_prices(text)
