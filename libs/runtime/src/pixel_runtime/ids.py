"""Identifiers: UUIDv7 internally, `<prefix>_<32 hex>` in public APIs."""

from __future__ import annotations

import re
from uuid import UUID

from uuid_utils.compat import uuid7

_HEX = re.compile(r"[0-9a-f]{32}")


def new_id() -> UUID:
    """Return a new UUIDv7; later ids sort after earlier ones."""
    return uuid7()


def format_id(prefix: str, value: UUID) -> str:
    """Return the public form of an id, such as `gen_0199…`."""
    return f"{prefix}_{value.hex}"


def parse_id(prefix: str, text: str) -> UUID:
    """Parse a public id; raise ValueError when the prefix differs or the rest is not 32 lower-case hex digits."""
    found, separator, digits = text.rpartition("_")
    if found != prefix or not separator or not _HEX.fullmatch(digits):
        raise ValueError(f"not an id of the form {prefix}_<32 hex digits>")
    return UUID(hex=digits)
