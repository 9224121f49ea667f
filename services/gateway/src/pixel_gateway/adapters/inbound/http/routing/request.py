"""Litestar's request, with the application, strict header fields, bounded JSON bodies and public URLs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import litestar
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from pixel_errors import NotFound
from pixel_runtime.ids import parse_id

from pixel_gateway.adapters.inbound.http.routing import strict_json
from pixel_gateway.adapters.inbound.http.routing.errors import (
    BodyTooLarge,
    BodyTooSlow,
    MalformedJson,
    MalformedRequest,
)
from pixel_gateway.domain.api_key import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixel_gateway.adapters.inbound.http.routing.parameters import Parameter, Query
    from pixel_gateway.application import Application

BODY_WITHIN_S = 10.0
"""Time limit of a body in seconds."""

T = TypeVar("T")


class Request(litestar.Request[Any, Principal, Any]):
    """One request to an endpoint."""

    __slots__ = ("_content", "_fields", "query")

    query: Query
    """The query, read before the endpoint is called; only the endpoint's own parameters are in it."""

    @property
    def application(self) -> Application:
        """The use cases."""
        application: Application = self.scope["litestar_app"].state.application
        return application

    @property
    def user_id(self) -> str:
        """The calling user; empty for an anonymous caller."""
        return self.auth.user_id

    @property
    def request_id(self) -> str:
        """The id of this request in logs and responses."""
        return request_id_of(self.scope)

    @property
    def fields(self) -> dict[str, str]:
        """The header fields by lower-case name; raises MalformedRequest when one that must be single is not."""
        try:
            return self._fields
        except AttributeError:
            self._fields: dict[str, str] = single_fields(self.scope["headers"])
            return self._fields

    def forget_fields(self) -> None:
        """Free the header fields, a kibibyte: a stream keeps its request for as long as it is open."""
        self._fields = {}

    def header(self, parameter: Parameter[T]) -> T:
        """Return the value of a declared header field, or its default; raise InvalidRequest."""
        value = self.fields.get(parameter.name.lower())
        return parameter.default if value is None else parameter.read(value)

    @property
    def public_url(self) -> str:
        """Public base URL, without a slash at the end."""
        return public_url(self.scope["litestar_app"].state.public_url, self.scope["scheme"], self.fields)

    def absolute(self, address: str) -> str:
        """Return an absolute URL of a path that begins with `/`; other URLs unchanged."""
        return self.public_url + address if address.startswith("/") else address

    @property
    def content_length(self) -> int | None:
        """The announced size of the body."""
        length = self.fields.get("content-length", "")
        return int(length) if length.isdigit() else None

    async def body(self) -> bytes:
        """Return the body, which must be JSON; raise its errors."""
        try:
            return self._content
        except AttributeError:
            self._content: bytes = await self._read()
            return self._content

    async def _read(self) -> bytes:
        endpoint = self.route_handler.opt
        if endpoint["requires_body"]:
            strict_json.require_json(self.fields)
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await super().body()
        except RequestEntityTooLarge:
            limit = self.route_handler.resolve_request_max_body_size()
            raise BodyTooLarge(f"The body may have at most {limit} bytes.") from None
        except TimeoutError:
            raise BodyTooSlow(f"The body has to arrive within {BODY_WITHIN_S:.0f} seconds.") from None
        except InternalServerException:  # Litestar's exception for a disconnected client
            raise MalformedRequest("The body ended early.") from None
        if body and not endpoint["requires_body"]:
            strict_json.require_json(self.fields)
        if not body and endpoint["requires_body"]:
            raise MalformedJson("The body is empty.")
        return body

    async def json(self) -> Any:
        """Return the body as the struct that the endpoint declares as its data."""
        return strict_json.decode(await self.body(), self.route_handler.opt["body"])


def request_id_of(scope: Any) -> str:
    """Return the id of a request in logs and responses."""
    request_id: str = scope["state"]["request_id"]
    return request_id


def require_id(prefix: str, text: str) -> str:
    """Return the id; raise NotFound for a malformed one, without a call to a service."""
    try:
        parse_id(prefix, text)
    except ValueError:
        raise NotFound("It does not exist, or it is not yours.", reason=_NOT_FOUND.get(prefix)) from None
    return text


_NOT_FOUND = {
    "gen": "GENERATION_NOT_FOUND",
    "key": "KEY_NOT_FOUND",
    "set": "SET_NOT_FOUND",
    "usr": "ACCOUNT_NOT_FOUND",
}
"""The not-found code of the service that owns an id."""


def single_fields(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the header fields by lower-case name; raise MalformedRequest when one that must be single is not."""
    fields: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key in fields and key in _SINGLE:
            raise MalformedRequest(f"The header field {key} is given twice.")
        fields[key] = value.decode("latin-1")
    return fields


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


def public_url(configured: str, scheme: str, fields: dict[str, str]) -> str:
    """Return the configured public URL, or that of the request (its Host field was checked before)."""
    if configured:
        return configured.rstrip("/")
    http_scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    return f"{http_scheme}://{fields.get('host', '')}"
