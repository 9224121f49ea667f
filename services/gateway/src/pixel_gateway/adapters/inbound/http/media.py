"""The door of stored objects, for stores that cannot serve clients themselves. The signature is the permission."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pixel_errors import Forbidden

from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter
from pixel_gateway.adapters.inbound.http.reply import Reply
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Send

    from pixel_gateway.application import Application
    from pixel_gateway.application.ports import StoredObject

STALLED_S = 60.0
"""Seconds a client may take to read one chunk before it is cut."""

_MAX_SIGNATURE_CHARS = 256
_INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})


class AddressRefused(Forbidden):
    """The address was altered or has expired; ask for the picture again to get a fresh one."""

    reason = "ADDRESS_REFUSED"


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def read(call: Call) -> ASGIApp:
        query = call.query("expires", "signature")
        expires, signature = query.text("expires"), query.text("signature")
        if not _is_number(expires) or not signature or len(signature) > _MAX_SIGNATURE_CHARS:
            raise AddressRefused
        key = str(call.scope["path_params"]["key"]).lstrip("/")
        stored = await app.ports.media.read(key, expires=int(expires), signature=signature)
        # Objects are written once: their key names their bytes.
        etag = f'"{key.rsplit("/", 1)[-1]}-{stored.size_bytes}"'.encode("ascii", "ignore")
        if call.headers.get("if-none-match", "").encode() == etag:
            await stored.chunks.aclose()
            return Reply(304, b"", _headers(stored, etag)[1:])
        return ObjectStream(stored, _headers(stored, etag))

    return [
        Door(
            "GET",
            "/media/objects/{key:path}",
            read,
            "Read a picture by its signed address",
            {
                200: Answer("The bytes.", content_type="image/png", headers={"ETag": "Names the bytes."}),
                304: Answer("The bytes you have are the same."),
            },
            access=Access.PUBLIC,
            tag="images",
            parameters=(
                Parameter("expires", "Unix seconds at which the address ends.", {"type": "integer"}),
                Parameter("signature", "Signature of the address."),
            ),
        )
    ]


class ObjectStream:
    """Sends an object as it arrives from the store."""

    def __init__(self, stored: StoredObject, headers: list[tuple[bytes, bytes]]) -> None:
        self._stored = stored
        self._headers = headers

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI
        """Send it."""
        length = (b"content-length", str(self._stored.size_bytes).encode())
        async with aclosing(self._stored.chunks) as chunks:
            await send({"type": "http.response.start", "status": 200, "headers": [*self._headers, length]})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            async for chunk in chunks:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(stored: StoredObject, etag: bytes) -> list[tuple[bytes, bytes]]:
    is_inline = stored.content_type in _INLINE_TYPES
    content_type = stored.content_type if is_inline else "application/octet-stream"
    return [
        (b"content-type", content_type.encode()),
        (b"etag", etag),
        (b"accept-ranges", b"none"),
        (b"cache-control", b"private, max-age=31536000, immutable"),
        (b"content-disposition", b"inline" if is_inline else b"attachment"),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15  # noqa: PLR2004
