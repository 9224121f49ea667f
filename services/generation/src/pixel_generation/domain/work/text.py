"""Checks that user texts can be stored."""

from __future__ import annotations

import re

SURROGATE = re.compile("[\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can store the text: no NUL and no lone surrogates."""
    return "\0" not in text and not SURROGATE.search(text)
