"""The credentials of a request: an API key in a header, not in the URL; a ticket; the queue's secret."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.routing.errors import MalformedRequest
from pixel_gateway.domain.access import QueueSecretNotSet, QueueSecretRefused, Role
from pixel_gateway.domain.api_key import KeyRefused, Principal

if TYPE_CHECKING:
    from pixel_gateway.application import Application

SOCKET_PROTOCOL = "bearer"
"""`Sec-WebSocket-Protocol: bearer, pxl_…`, for browsers, which cannot set other fields on a socket."""

_TOKEN_NAMES = frozenset({"token", "access_token", "api_key", "apikey", "key", "authorization"})


def secret_in(headers: dict[str, str]) -> str | None:
    """Return the secret of a request, or None; raise KeyRefused for another scheme or two secrets."""
    authorization, api_key = headers.get("authorization"), headers.get("x-api-key")
    if authorization is None:
        return api_key
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise KeyRefused("Send the key as `Authorization: Bearer pxl_…`.")
    if api_key is not None and api_key != secret:
        raise KeyRefused("The request carries two different keys.")
    return secret


def socket_secret_in(headers: dict[str, str]) -> str | None:
    """Return the secret of a WebSocket's opening request, or None."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
    if len(offered) == 2 and offered[0] == SOCKET_PROTOCOL:  # noqa: PLR2004
        return offered[1]
    return secret_in(headers)


async def require_principal(secret: str | None, application: Application) -> Principal:
    """Return the owner of a secret; raise KeyRefused."""
    if not secret:
        raise KeyRefused("Send an API key as `Authorization: Bearer pxl_…`.")
    return await application.accounts.authenticate(secret)


def require_processor(headers: dict[str, str], queue_secret: str) -> Principal:
    """Return the principal of the queue processor's secret.

    Raise QueueSecretNotSet or QueueSecretRefused. The comparison takes constant time.
    """
    if not queue_secret:
        raise QueueSecretNotSet
    scheme, _, token = headers.get("authorization", "").partition(" ")
    shown = headers.get("x-queue-secret") or (token.strip() if scheme.lower() == "bearer" else "")
    if not hmac.compare_digest(shown.encode(), queue_secret.encode()):
        raise QueueSecretRefused
    return Principal(user_id="", key_id="", role=Role.PROCESSOR)


def ticket_in(query_string: bytes) -> str:
    """Return the ticket in a URL, or the empty text."""
    pairs = (pair.partition(b"=") for pair in query_string.split(b"&"))
    return next((value.decode("latin-1") for name, _, value in pairs if name == b"ticket"), "")


def refuse_token_in_address(query_string: bytes) -> None:
    """Raise MalformedRequest for a URL with an API key."""
    names = {pair.partition(b"=")[0].decode("latin-1").lower() for pair in query_string.split(b"&")}
    if names & _TOKEN_NAMES or b"pxl_" in query_string:
        raise MalformedRequest("A key in the URL would be logged; send it in a header.", reason="TOKEN_IN_ADDRESS")
