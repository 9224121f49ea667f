"""A response that streams a stored object."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from litestar import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.response.base import ASGIResponse
    from litestar.types import Receive, Scope, Send

    from pixel_gateway.application.images.ports import StoredObject

STALLED_S = 60.0
"""Seconds a client may take to read one chunk before it is disconnected."""

_INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})


class ObjectStream(Response[Any]):
    """The bytes of an object. Litestar's Stream has no limit on the time a client takes to read."""

    def __init__(self, stored: StoredObject, headers: Mapping[str, str]) -> None:
        self._stored = stored
        self._headers = headers

    def to_asgi_response(self, *_args: Any, **_defaults: Any) -> ASGIResponse:
        """Return the ASGI application, which is the response itself."""
        return cast("ASGIResponse", self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the ASGI signature
        """Send it."""
        fields = {"content-type": _content_type(self._stored), **self._headers}
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        headers.append((b"content-length", b"%d" % self._stored.size_bytes))
        async with aclosing(self._stored.chunks) as chunks:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope.get("method") == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            async for chunk in chunks:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def object_headers(stored: StoredObject, etag: str) -> dict[str, str]:
    """Return the header fields of an object, with and without its bytes."""
    return {
        "etag": etag,
        "accept-ranges": "none",
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": "inline" if stored.content_type in _INLINE_TYPES else "attachment",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
    }


def _content_type(stored: StoredObject) -> str:
    return stored.content_type if stored.content_type in _INLINE_TYPES else "application/octet-stream"
