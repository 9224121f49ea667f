"""Whose request it is: an API key in a header, never in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.domain.api_key import KeyRefused

if TYPE_CHECKING:
    from pixel_gateway.application.api_keys import Authenticator

SOCKET_PROTOCOL = "bearer"
"""`Sec-WebSocket-Protocol: bearer, pxl_…`, for browsers, which cannot set other fields on a socket."""


def secret_in(headers: dict[str, str]) -> str | None:
    """Return the secret a request carries, or None; raise KeyRefused for another scheme or two secrets."""
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
    """Return the secret a socket's opening request carries, or None."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
    if len(offered) == 2 and offered[0] == SOCKET_PROTOCOL:  # noqa: PLR2004
        return offered[1]
    return secret_in(headers)


async def require_user(secret: str | None, authenticator: Authenticator) -> str:
    """Return the user a secret stands for; raise KeyRefused."""
    if not secret:
        raise KeyRefused("Send an API key as `Authorization: Bearer pxl_…`.")
    return (await authenticator.authenticate(secret)).user_id
