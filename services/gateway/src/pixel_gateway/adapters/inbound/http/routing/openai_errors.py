"""Errors in OpenAI's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pixel_gateway.adapters.inbound.http.routing.errors import Pointer
from pixel_gateway.adapters.inbound.http.routing.problems import RETRY, error_headers, public_error, status_of
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse

if TYPE_CHECKING:
    from pixel_errors import PixelError

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {
    "INVALID_API_KEY": "invalid_api_key",
    "INSUFFICIENT_CREDITS": "insufficient_quota",
    "MODEL_NOT_FOUND": "model_not_found",
    "RATE_LIMITED": "rate_limit_exceeded",
}
_PARAMETERS = {"number_of_images": "n", "aspect_ratio": "size"}
_FINAL_STATUSES = frozenset({402, 409, 422})
_UNPROCESSABLE = frozenset({"IDEMPOTENCY_KEY_REUSED"})
"""Reasons that keep status 422; other invalid values are 400 here, as at OpenAI."""


class ErrorBody(msgspec.Struct):
    """The error."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(msgspec.Struct):
    """The envelope."""

    error: ErrorBody


def openai_error(error: Exception, request_id: str) -> JsonResponse[OpenAIError]:
    """Return the response to an error in OpenAI's format."""
    known = public_error(error)
    status = openai_status(known)
    field = known.violations[0].field if known.violations else None
    if isinstance(field, Pointer):
        field = field.path
    body = ErrorBody(
        message=known.detail,
        type=_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),  # noqa: PLR2004
        param=_PARAMETERS.get(field, field) if field else None,
        code=_CODES.get(known.code, known.code.lower()),
    )
    headers = error_headers(known) | _retry_header(known, status)
    generation_id = known.metadata.get("generation_id")
    if generation_id:
        headers["location"] = f"/api/generations/{generation_id}"
    headers["openai-request-id"] = request_id
    return JsonResponse(OpenAIError(body), status_code=status, headers=headers)


def openai_status(error: PixelError) -> int:
    """Return OpenAI's status for an error."""
    status = status_of(error)
    return 400 if status == 422 and error.code not in _UNPROCESSABLE else status  # noqa: PLR2004


def _retry_header(error: PixelError, status: int) -> dict[str, str]:
    """Set `x-should-retry: false` when an automatic retry would repeat the rejection, or pay twice."""
    if status in _FINAL_STATUSES or error.metadata.get(RETRY) == "false":
        return {"x-should-retry": "false"}
    return {}
