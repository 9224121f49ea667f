"""Any error as a problem (RFC 9457): its public part, status and header fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import pixel_telemetry
from litestar.exceptions import HTTPException, MethodNotAllowedException
from pixel_errors import Internal, Invalid, PixelError

from pixel_gateway.adapters.inbound.http.routing.errors import (
    ConnectionsFull,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchRoute,
    Pointer,
)
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

log = pixel_telemetry.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUS_BY_KIND = {
    "invalid": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "failed_precondition": 409,
    "exhausted": 429,
    "unavailable": 503,
    "deadline": 504,
    "internal": 500,
}

STATUS_BY_REASON = {
    "MALFORMED_REQUEST": 400,
    "MALFORMED_JSON": 400,
    "BODY_TOO_SLOW": 408,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_CONTENT_TYPE": 415,
    "HEADERS_TOO_LARGE": 431,
    "METHOD_NOT_ALLOWED": 405,
    "TOKEN_IN_ADDRESS": 400,
    "HOST_NOT_ALLOWED": 400,
    "INSUFFICIENT_CREDITS": 402,
    "DAILY_LIMIT_REACHED": 402,
    "BUDGET_EXHAUSTED": 402,
    "IDEMPOTENCY_KEY_REUSED": 422,
}

TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    402: "Not enough credits",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    413: "Body too large",
    415: "Unsupported content type",
    422: "Invalid request",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    503: "Unavailable",
    504: "Deadline exceeded",
}

RETRY = "retry"
"""Name of the fact that is `false` when repeating the request could create a second job."""

_FACTS_OF_ANY_ERROR = (RETRY, "generation_id")
_RETRYABLE_KINDS = frozenset({"exhausted", "unavailable", "deadline"})


class ProblemField(msgspec.Struct, rename="camel"):
    """One invalid field."""

    pointer: str
    message: str


class Problem(msgspec.Struct, rename="camel"):
    """An RFC 9457 problem."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool
    errors: list[ProblemField] = []
    facts: dict[str, str] = {}


def status_of(error: PixelError) -> int:
    """Return the HTTP status of an error."""
    return STATUS_BY_REASON.get(error.code) or STATUS_BY_KIND.get(error.kind, 500)


def public_error(error: Exception) -> PixelError:
    """Return the public part of any error; the rest is logged under the trace id."""
    if isinstance(error, PixelError) and error.kind != "internal":
        return _with_own_code(error)
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed(metadata={"allow": _allowed_methods(error)})
    if isinstance(error, HTTPException):
        match error.status_code:
            case 404:
                return NoSuchRoute()
            case status if status < 500:  # noqa: PLR2004
                return MalformedRequest(error.detail)
    log.error("request_failed", exc_info=error)
    metadata = error.metadata if isinstance(error, PixelError) else {}
    return Internal(metadata={name: metadata[name] for name in _FACTS_OF_ANY_ERROR if name in metadata})


def _allowed_methods(error: MethodNotAllowedException) -> str:
    """Return the methods of the path, without the router's own entries such as `websocket`."""
    named = (error.headers or {}).get("allow", "").split(", ")
    return ", ".join(sorted({"OPTIONS", *(name for name in named if name.isupper())}))


def _with_own_code(error: PixelError) -> PixelError:
    """Return the error with the code of an invalid request when its service gave none."""
    if error.code != Invalid.reason:
        return error
    return Invalid(error.detail, reason=InvalidRequest.reason, metadata=error.metadata, violations=error.violations)


def error_headers(error: PixelError) -> dict[str, str]:
    """Return the header fields of an error."""
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    elif error.kind in {"unavailable", "exhausted"}:
        headers["retry-after"] = "1"
    if error.kind == "unauthenticated":
        headers["www-authenticate"] = 'Bearer realm="pixel-studio"'
    if error.code == ConnectionsFull.reason:
        headers["connection"] = "close"
    if error.code == MethodNotAllowed.reason and error.metadata.get("allow"):
        headers["allow"] = error.metadata["allow"]
    return headers


def problem(error: Exception, request_id: str) -> JsonResponse[Problem]:
    """Return the response to an error, as a problem."""
    known = public_error(error)
    status = status_of(known)
    is_ours = isinstance(known, InvalidRequest)
    body = Problem(
        type=f"urn:pixel-studio:problem:{known.code.lower().replace('_', '-')}",
        title=TITLES.get(status, "Error"),
        status=status,
        detail=known.detail,
        code=known.code,
        request_id=request_id,
        retryable=known.kind in _RETRYABLE_KINDS and known.metadata.get(RETRY) != "false",
        errors=[
            ProblemField(pointer=pointer_of(each.field, is_ours=is_ours), message=each.message)
            for each in known.violations
        ],
        facts=_public_facts(known.metadata),
    )
    return JsonResponse(body, status_code=status, media_type=PROBLEM_TYPE, headers=error_headers(known))


def pointer_of(field: str, *, is_ours: bool) -> str:
    """Return the JSON pointer of a field.

    Errors of this interface have the sender's own field name. Errors of a service have the path of its message, whose
    names are snake case: `a.number_of_images` is `/a/numberOfImages`.
    """
    if isinstance(field, Pointer):
        return str(field)
    if is_ours:
        return str(Pointer.to(field))
    return "".join(f"/{camel(part)}" for part in field.replace("[", ".").replace("]", "").split(".") if part)


def camel(name: str) -> str:
    """Return a snake-case name in camel case."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _public_facts(metadata: Mapping[str, str]) -> dict[str, Any]:
    return {camel(name): value for name, value in metadata.items() if name not in _HIDDEN_FACTS}


_HIDDEN_FACTS = frozenset({"kind", "allow", "constraint", RETRY})
