"""The ASGI extension through which a stream reaches the transport of its connection."""

from __future__ import annotations

from typing import Final

TRANSPORT: Final = "pixel.transport"
"""Name of the extension; its value is the transport."""
