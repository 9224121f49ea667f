"""The ASGI extension with the transport of a stream's connection."""

from __future__ import annotations

from typing import Final

TRANSPORT: Final = "pixel.transport"
"""Name of the extension; its value is the transport."""
