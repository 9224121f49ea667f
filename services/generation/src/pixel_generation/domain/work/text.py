"""Texts of users that the store can hold."""

from __future__ import annotations

import re

SURROGATE = re.compile("[\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """PostgreSQL text holds neither NUL nor lone surrogates."""
    return "\0" not in text and not SURROGATE.search(text)
