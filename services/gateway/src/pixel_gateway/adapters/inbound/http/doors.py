"""A door is one method on one path: who may use it, what it does, and what its documentation says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pixel_errors import NotFound, Violation
from pixel_runtime.ids import parse_id

from pixel_gateway.adapters.inbound.http import json_body
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest, MalformedRequest
from pixel_gateway.adapters.inbound.http.query import Query
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import ASGIApp, HTTPScope, Receive

JSON_LIMIT_BYTES = 1_048_576
_MAX_KEY_CHARS = 255

T = TypeVar("T")


@dataclass(frozen=True)
class Parameter:
    """A documented query or header parameter."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"


@dataclass(frozen=True)
class Answer:
    """A documented answer."""

    description: str
    body: Any = None
    content_type: str = "application/json"
    example: Any = None
    other_type: str = ""
    """Media type of the same content in another form."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Door:
    """One method on one path."""

    method: str
    path: str
    handle: Callable[[Call], Awaitable[ASGIApp]]
    summary: str
    answers: dict[int, Answer]
    access: Access = Access.REQUIRED
    description: str = ""
    tag: str = "generations"
    body: type[Any] | None = None
    body_example: Any = None
    needs_body: bool = True
    """Whether a request without a body is refused, where there is one."""
    parameters: tuple[Parameter, ...] = ()
    is_documented: bool = True
    takes_tickets: bool = False
    """Whether `?ticket=` opens it in place of an API key."""
    problems: dict[int, str] = field(default_factory=dict)
    """Documented rejections by status, with their codes."""


class Call:
    """One request at a door."""

    __slots__ = ("_public_url", "api_key_id", "headers", "receive", "request_id", "scope", "user_id")

    def __init__(
        self,
        scope: HTTPScope,
        receive: Receive,
        *,
        headers: dict[str, str],
        user_id: str,
        request_id: str,
        public_url: str,
        api_key_id: str = "",
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.headers = headers
        self.user_id = user_id
        self.api_key_id = api_key_id
        self.request_id = request_id
        self._public_url = public_url

    @property
    def base_url(self) -> str:
        """Address under which the caller reaches us, without a slash at the end."""
        return base_url(self._public_url, self.scope["scheme"], self.headers)

    def absolute(self, address: str) -> str:
        """Return an address that begins with `/` under the public base address; others as they are."""
        return self.base_url + address if address.startswith("/") else address

    def id_in_path(self, prefix: str) -> str:
        """Return the id in the path; raise NotFound for anything that cannot be one."""
        return require_id(prefix, str(self.scope["path_params"]["id"]))

    def query(self, *accepted: str) -> Query:
        """Return the query, whose names have to be among the accepted."""
        return Query(self.scope["query_string"], accepted)

    async def json(self, target: type[T], *, forbid_unknown: bool = True) -> T:
        """Return the body as the target struct."""
        json_body.require_json(self.headers)
        body = await json_body.read_body(self.receive, self.headers, max_bytes=JSON_LIMIT_BYTES)
        return json_body.decode(body, target, forbid_unknown=forbid_unknown)

    async def json_or_nothing(self, target: type[T]) -> T:
        """Return the body as the target struct, which is made of its defaults when there is no body."""
        body = await json_body.read_body(self.receive, self.headers, max_bytes=JSON_LIMIT_BYTES)
        if not body:
            return target()
        json_body.require_json(self.headers)
        return json_body.decode(body, target)

    def idempotency_key(self) -> str:
        """Return the Idempotency-Key, or the empty text."""
        key = self.headers.get("idempotency-key")
        return "" if key is None else require_key("Idempotency-Key", key)

    def preferences(self) -> dict[str, str]:
        """Return the preferences of the Prefer header (RFC 7240) by name; a bare one has the empty text."""
        words = (word.partition(";")[0].partition("=") for word in self.headers.get("prefer", "").split(","))
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in words if name.strip()}


def require_key(name: str, key: str) -> str:
    """Return an idempotency key; raise InvalidRequest, which names where it stood, for one that cannot be."""
    if not 1 <= len(key) <= _MAX_KEY_CHARS or not all("!" <= char <= "~" for char in key):
        message = f"has to be 1 to {_MAX_KEY_CHARS} visible ASCII characters"
        raise InvalidRequest(f"{name} {message}.", violations=(Violation(name, message),))
    return key


def require_id(prefix: str, text: str) -> str:
    """Return the id; raise NotFound for anything that cannot be one, before any other service is asked."""
    try:
        parse_id(prefix, text)
    except ValueError:
        raise NotFound("There is no such thing, or it is not yours.", reason=_NO_SUCH.get(prefix)) from None
    return text


_NO_SUCH = {
    "gen": "GENERATION_NOT_FOUND",
    "key": "KEY_NOT_FOUND",
    "set": "SET_NOT_FOUND",
    "usr": "ACCOUNT_NOT_FOUND",
}
"""What the service that owns an id says when there is none."""


def header_map(raw: Any) -> dict[str, str]:
    """Return the header fields by lower-case name; raise MalformedRequest when one that must be single is not."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key in headers and key in _SINGLE:
            raise MalformedRequest(f"The header field {key} stands twice.")
        headers[key] = value.decode("latin-1")
    return headers


_SINGLE = frozenset(
    {
        "authorization",
        "cancel-after",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "x-api-key",
        "x-queue-secret",
    }
)


def base_url(public_url: str, scheme: str, headers: dict[str, str]) -> str:
    """Return the configured public address, or the one the caller used (its Host field was checked before)."""
    if public_url:
        return public_url.rstrip("/")
    http_scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    return f"{http_scheme}://{headers.get('host', '')}"
