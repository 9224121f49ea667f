"""Checks of the bytes: format, size and hash."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pixel_media.domain.errors import ContentMismatch, UnsupportedImage
from pixel_media.domain.renditions.rendition import ImageFormat

if TYPE_CHECKING:
    from pixel_media.domain.assets.asset import AssetFacts


def format_of(data: bytes) -> ImageFormat:
    """Return the format by the magic bytes, not by a name; raise UnsupportedImage for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    raise UnsupportedImage


class Content:
    """Collects the bytes of an asset and checks them against its metadata."""

    def __init__(self, facts: AssetFacts) -> None:
        self._facts = facts
        self._data = bytearray()
        self._digest = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        """Add the next bytes; raise ContentMismatch as soon as there are more than announced."""
        if len(self._data) + len(chunk) > self._facts.size_bytes:
            raise ContentMismatch(f"More than the announced {self._facts.size_bytes} bytes arrived.")
        self._digest.update(chunk)
        self._data += chunk

    def complete(self) -> bytes:
        """Return all bytes; raise ContentMismatch when some are missing or the hash differs."""
        if len(self._data) != self._facts.size_bytes:
            raise ContentMismatch(f"{len(self._data)} of the announced {self._facts.size_bytes} bytes arrived.")
        if self._digest.hexdigest() != self._facts.sha256:
            raise ContentMismatch("The bytes do not have the announced SHA-256.")
        return bytes(self._data)
