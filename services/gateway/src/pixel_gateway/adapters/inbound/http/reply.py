"""Answers, as small ASGI applications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

_encoder = msgspec.json.Encoder()
_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")


class Reply:
    """A whole answer in memory."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Sequence[Header] = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the ASGI signature
        """Send it."""
        headers = [*self.headers, (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if scope.get("method") == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})


def json_reply(content: Any, *, status: int = 200, headers: Sequence[Header] = ()) -> Reply:
    """Return content as JSON that nobody may cache."""
    return Reply(status, _encoder.encode(content), [_JSON, _NO_STORE, *headers])
