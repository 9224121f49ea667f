"""OpenAI's image models through the vendor's SDK; imported only when a key is configured, because the SDK is large."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from openai.types import ImagesResponse
from pydantic import ValidationError

from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, ProducedImage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from openai.types.images_response import Usage

    from pixel_generation.domain.billing.token_prices import TokenPrice

_CONNECT_TIMEOUT_S = 10.0
_MOST_BYTES_PER_PICTURE = 48 * 1024 * 1024
_MICROS_PER_MILLION_TOKENS = 1_000_000

_QUALITIES = {"standard": "medium", "hd": "high"}
"""Quality values of retired models and their names in current ones."""

_PASSED_ON = frozenset({"background", "moderation", "output_format", "output_compression"})
"""Parameters that the vendor has under the same name."""

_BLOCKED_CODES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "safety_violation"})
_NOT_BEGUN = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


class OpenAIImages:
    """Calls `images.generate` once for each request; does not retry."""

    capabilities = frozenset({TEXT_TO_IMAGE})
    repeatable = False

    def __init__(self, *, api_key: str, base_url: str = "", prices: Mapping[str, TokenPrice] | None = None) -> None:
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url or None, max_retries=0)
        self._prices = dict(prices or {})

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        """Yield the images of the response, which may be fewer than requested."""
        response, provider_request_id = await self._call(request)
        pictures = [data for item in response.data or [] if (data := _decoded(item.b64_json))]
        if not pictures:
            raise _no_output("The provider's response has no image.", provider_request_id)
        costs = self._costs(request.provider_model, response.usage, len(pictures))
        for index, data in enumerate(pictures[: request.count]):
            yield ProducedImage(
                index=index,
                data=data,
                content_type=_content_type(data),
                provider_request_id=provider_request_id,
                cost_usd_micros=costs[index],
            )

    async def close(self) -> None:
        await self._client.close()

    async def _call(self, request: ImageRequest) -> tuple[ImagesResponse, str]:
        timeout = httpx2.Timeout(request.timeout_s, connect=min(_CONNECT_TIMEOUT_S, request.timeout_s))
        provider_request_id = ""
        try:
            # The client's timeout is per read; a slow body must end too.
            async with asyncio.timeout(request.timeout_s):
                call = self._client.images.with_streaming_response.generate(**_arguments(request), timeout=timeout)
                async with call as response:
                    provider_request_id = response.headers.get("x-request-id", "")
                    body = await _bounded(response.iter_bytes(), request.count, provider_request_id)
            return ImagesResponse.model_validate_json(body), provider_request_id
        except openai.APIStatusError as error:
            raise _rejection(error) from error
        except openai.APIConnectionError as error:
            raise _disconnection(error.__cause__ or error, provider_request_id) from error
        except (TimeoutError, httpx2.HTTPError) as error:
            raise _disconnection(error, provider_request_id) from error
        except ValidationError as error:
            raise _no_output("The provider's response is not an images response.", provider_request_id) from error

    def _costs(self, model: str, usage: Usage | None, pictures: int) -> list[int | None]:
        price = self._prices.get(model)
        if price is None or usage is None:
            return [None] * pictures
        total = (
            usage.input_tokens_details.text_tokens * price.text_input
            + usage.input_tokens_details.image_tokens * price.image_input
            + usage.output_tokens * price.image_output
        ) // _MICROS_PER_MILLION_TOKENS
        each, rest = divmod(total, pictures)
        return [each + (1 if index < rest else 0) for index in range(pictures)]


def _arguments(request: ImageRequest) -> dict[str, Any]:
    """Return the request in the vendor's names. Current models take a style only as words of the prompt."""
    prompt = f"{request.prompt}\n\nStyle: {request.style}" if request.style else request.prompt
    arguments: dict[str, Any] = {
        "model": request.provider_model,
        "prompt": prompt,
        "n": request.count,
        "size": f"{request.width}x{request.height}",
    }
    if request.quality:
        arguments["quality"] = _QUALITIES.get(request.quality, request.quality)
    if request.end_user:
        arguments["safety_identifier"] = request.end_user
    return arguments | {name: value for name, value in request.parameters.items() if name in _PASSED_ON}


async def _bounded(chunks: AsyncIterator[bytes], count: int, provider_request_id: str) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > count * _MOST_BYTES_PER_PICTURE:
            raise _no_output("The provider's response is larger than any image.", provider_request_id)
    return bytes(body)


def _decoded(text: str | None) -> bytes:
    """Return the image's bytes; empty when the text is missing or is not base64."""
    try:
        return base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return b""


def _content_type(data: bytes) -> str:
    for signature, content_type in _SIGNATURES.items():
        if data.startswith(signature):
            return content_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


def _no_output(detail: str, provider_request_id: str) -> ProviderError:
    return ProviderError(
        detail, code="no_output", outcome=Outcome.SENT, retryable=False, provider_request_id=provider_request_id
    )


def _disconnection(cause: BaseException, provider_request_id: str) -> ProviderError:
    """Without a connection nothing was sent; after that the outcome is unknown."""
    if isinstance(cause, _NOT_BEGUN):
        return ProviderError(
            "The provider cannot be reached.", code="provider_unavailable", outcome=Outcome.NOT_SENT, retryable=True
        )
    is_late = isinstance(cause, TimeoutError | httpx2.TimeoutException)
    return ProviderError(
        "The provider did not respond in time." if is_late else "The provider broke the connection.",
        code="provider_timeout" if is_late else "provider_unavailable",
        outcome=Outcome.UNKNOWN,
        retryable=False,
        provider_request_id=provider_request_id,
    )


def _rejection(error: openai.APIStatusError) -> ProviderError:
    code, outcome, retryable = _verdict(error)
    return ProviderError(
        f"The provider answered {error.status_code}"
        + (f" ({error.code})" if error.code and re.fullmatch(r"[\w.-]{1,64}", error.code) else ""),
        code=code,
        outcome=outcome,
        retryable=retryable,
        retry_after_s=_retry_after_s(error.response.headers) if retryable else None,
        provider_request_id=error.request_id or "",
    )


def _verdict(error: openai.APIStatusError) -> tuple[str, Outcome, bool]:
    """Failure code, whether the provider accepted the request, and whether a later retry can help."""
    status = error.status_code
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        is_spent = error.code == "insufficient_quota" or error.type == "insufficient_quota"
        return ("provider_quota_exhausted" if is_spent else "provider_rate_limited"), Outcome.NOT_SENT, not is_spent
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        return "provider_unauthorized", Outcome.NOT_SENT, False
    if status == httpx2.codes.SERVICE_UNAVAILABLE:
        return "provider_unavailable", Outcome.NOT_SENT, True
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR or status == httpx2.codes.REQUEST_TIMEOUT:
        return "provider_unavailable", Outcome.UNKNOWN, False
    if error.code in _BLOCKED_CODES:
        return "blocked", Outcome.SENT, False
    return "provider_rejected", Outcome.NOT_SENT, False


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of the Retry-After header; None when it is missing or a date."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text) * unit_s
    return None
