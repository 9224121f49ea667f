"""Errors of the HTTP doors, and the one function that renders any error as an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import pixel_telemetry
from litestar.exceptions import HTTPException
from pixel_errors import Internal, Invalid, NotFound, PixelError, Unavailable

from pixel_gateway.adapters.inbound.http.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

log = pixel_telemetry.get_logger(__name__)

PROBLEM_TYPE = b"application/problem+json"


class MalformedRequest(Invalid):
    """The request cannot be read."""

    reason = "MALFORMED_REQUEST"


class MalformedJson(Invalid):
    """The body is not the JSON that this door reads."""

    reason = "MALFORMED_JSON"


class InvalidRequest(Invalid):
    """The request breaks a rule."""

    reason = "INVALID_REQUEST"


class BodyTooLarge(Invalid):
    """The body is larger than this door accepts."""

    reason = "BODY_TOO_LARGE"


class UnsupportedContentType(Invalid):
    """The body is not sent as application/json in UTF-8."""

    reason = "UNSUPPORTED_CONTENT_TYPE"


class BodyTooSlow(Invalid):
    """The body did not arrive in time."""

    reason = "BODY_TOO_SLOW"


class HeadersTooLarge(Invalid):
    """The header fields are too many or too large."""

    reason = "HEADERS_TOO_LARGE"


class NoSuchRoute(NotFound):
    """There is nothing at this address."""

    reason = "ROUTE_NOT_FOUND"


class MethodNotAllowed(Invalid):
    """This address does not take that method."""

    reason = "METHOD_NOT_ALLOWED"


class HostNotAllowed(Invalid):
    """The Host field names no host of this server; PIXEL_ALLOWED_HOSTS or PIXEL_PUBLIC_URL names more."""

    reason = "HOST_NOT_ALLOWED"


class Pointer(str):
    """A field that is written as a JSON pointer (RFC 6901) already."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """The same place with dots, as OpenAI writes it."""
        return self.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")

    @classmethod
    def to(cls, *parts: str | int) -> Pointer:
        """Return the pointer to a place, given part by part."""
        return cls("".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts))


class ConnectionsFull(Unavailable):
    """As many connections are open as this process takes; try again in a moment."""

    reason = "CONNECTIONS_FULL"


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
"""Name of the fact that says `false` when repeating the request could make a second job."""

_FACTS_OF_ANY_ERROR = (RETRY, "generation_id")
_RETRYABLE_KINDS = frozenset({"exhausted", "unavailable", "deadline"})


class ProblemField(msgspec.Struct, rename="camel"):
    """One field at fault."""

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


def expected(error: Exception) -> PixelError:
    """Return what a client may know of any error; the rest is logged under the trace id."""
    if isinstance(error, PixelError) and error.kind != "internal":
        return _with_word(error)
    if isinstance(error, HTTPException):
        match error.status_code:
            case 404:
                return NoSuchRoute()
            case status if status < 500:  # noqa: PLR2004
                return MalformedRequest(error.detail)
    log.error("request_failed", exc_info=error)
    metadata = error.metadata if isinstance(error, PixelError) else {}
    return Internal(metadata={name: metadata[name] for name in _FACTS_OF_ANY_ERROR if name in metadata})


def _with_word(error: PixelError) -> PixelError:
    """Return the error under the one word for a broken rule where its service has none of its own."""
    if error.code != Invalid.reason:
        return error
    return Invalid(error.detail, reason=InvalidRequest.reason, metadata=error.metadata, violations=error.violations)


def error_headers(error: PixelError) -> list[tuple[bytes, bytes]]:
    """Return the header fields that go with an error."""
    headers = [(b"cache-control", b"no-store")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after_s))).encode()))
    elif error.kind in {"unavailable", "exhausted"}:
        headers.append((b"retry-after", b"1"))
    if error.kind == "unauthenticated":
        headers.append((b"www-authenticate", b'Bearer realm="pixel-studio"'))
    if error.code == ConnectionsFull.reason:
        headers.append((b"connection", b"close"))
    if error.code == MethodNotAllowed.reason and error.metadata.get("allow"):
        headers.append((b"allow", error.metadata["allow"].encode()))
    return headers


def problem(error: Exception, request_id: str) -> Reply:
    """Render an error as a problem answer."""
    known = expected(error)
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
    headers = [(b"content-type", PROBLEM_TYPE), *error_headers(known)]
    return Reply(status, msgspec.json.encode(body), headers)


def pointer_of(field: str, *, is_ours: bool) -> str:
    """Return the JSON pointer of a field.

    What these doors found has the sender's own name for it. What a service found has the path of its own message,
    whose names are snake case: `a.number_of_images` is `/a/numberOfImages`.
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
