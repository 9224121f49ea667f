"""OpenAI's own client, unchanged, with the gateway's endpoints."""

from __future__ import annotations

import asyncio
import base64

import openai
import pytest
from pixel_errors import PixelError

from tests.fakes.gateway_generations import PNG
from tests.loopback import http_client


class InsufficientCredits(PixelError):
    kind = "failed_precondition"
    reason = "INSUFFICIENT_CREDITS"


@pytest.fixture
async def sdk(server, secret):
    transport = http_client()
    async with openai.AsyncOpenAI(
        api_key=secret, base_url=f"http://{server.address}/v1", http_client=transport
    ) as client:
        yield client


async def finished(backstage, wait_until, request):
    task = asyncio.create_task(request)
    await wait_until(backstage.app.live.watcher_count)
    for generation_id in backstage.generations.rows:
        backstage.finish(generation_id)
    return await task


async def test_pictures_as_bytes(sdk, backstage, wait_until):
    answer = await finished(
        backstage,
        wait_until,
        sdk.images.generate(prompt="a lighthouse", n=2, size="1024x1024", response_format="b64_json", user="u-1"),
    )

    assert [base64.b64decode(image.b64_json) for image in answer.data] == [PNG, PNG]
    assert answer.created > 0


async def test_pictures_as_urls(sdk, backstage, client, wait_until):
    answer = await finished(backstage, wait_until, sdk.images.generate(prompt="a lighthouse", model="dall-e-3"))

    assert (await client.get(answer.data[0].url)).content == PNG


async def test_the_models(sdk):
    assert [model.id async for model in await sdk.models.list()] == ["studio-sketch"]


async def test_a_wrong_key(server):
    async with openai.AsyncOpenAI(api_key="sk-wrong", base_url=f"http://{server.address}/v1") as wrong:
        with pytest.raises(openai.AuthenticationError):
            await wrong.models.list()


async def test_a_bad_value(sdk):
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.images.generate(prompt="a lighthouse", n=0)

    assert refused.value.param == "n"


async def test_a_client_without_credits_does_not_retry(sdk, backstage):
    backstage.generations.rejection = InsufficientCredits("The pictures cost 2 credits and 0 are available.")

    with pytest.raises(openai.APIStatusError) as refused:
        await sdk.images.generate(prompt="a lighthouse")

    assert refused.value.status_code == 402
    assert refused.value.code == "insufficient_quota"


async def test_a_lost_response_does_not_make_the_client_pay_twice(sdk, backstage):
    backstage.generations.loses_answers = True

    with pytest.raises(openai.InternalServerError):
        await sdk.images.generate(prompt="a lighthouse")

    assert len(backstage.generations.submissions) == 1


async def test_a_job_that_cannot_be_followed_does_not_make_the_client_pay_twice(sdk, backstage, wait_until):
    backstage.media.is_away = True

    with pytest.raises(openai.InternalServerError) as refused:
        await finished(backstage, wait_until, sdk.images.generate(prompt="a lighthouse"))

    assert len(backstage.generations.submissions) == 1
    assert refused.value.response.headers["location"].startswith("/api/generations/gen_")
