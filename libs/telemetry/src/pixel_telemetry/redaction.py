"""Redacts log lines and traces: secrets by the name of their key, passwords inside addresses, tokens, and the rows that
PostgreSQL quotes in its errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|passphrase|secret|token|authorization|cookie|credentials?|api_?key|access_?key"
    r"|private_?key|signing_?key)(?:$|[_\-.])",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"(?P<url>://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|(?P<bearer>\b[Bb]earer\s+)[\w\-.~+/=]+"
    r"|(?P<dsn>\bpassword\s*=\s*)(?:'[^']*'|\S+)"
)
# These parts of an error contain user data and may span several lines, so the rest of the same error is removed too.
# The parts start a line, or follow an escaped line break where the error was written as its repr.
_ROW_PARTS = ("DETAIL:", "CONTEXT:", "QUERY:")
_ROW_TEXT = re.compile(
    r"(?P<part>(?:^[ |\t]*|\\n)(?:DETAIL|CONTEXT|QUERY):).*?"
    r"(?=\n[ |]*\n[ |]*(?:The above exception was the direct cause|During handling of the above exception)"
    r"|\n[ |]*\+-+|\Z)",
    re.DOTALL | re.MULTILINE,
)
_secret_keys: dict[str, bool] = {}


def is_secret_key(key: str) -> bool:
    """Return whether a value under this key is hidden."""
    known = _secret_keys.get(key)
    if known is None:
        known = _secret_keys[key] = _SECRET_KEY.search(key) is not None
    return known


def redact_text(text: str) -> str:
    """Hide passwords in addresses and connection strings, bearer tokens, and rows quoted by PostgreSQL."""
    if any(part in text for part in _ROW_PARTS):
        text = _ROW_TEXT.sub(lambda found: f"{found['part']} {HIDDEN}", text)
    if "://" in text or "earer" in text or "password" in text:
        return _SECRET_TEXT.sub(lambda found: next(filter(None, found.groups()), "") + HIDDEN, text)
    return text


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets in one log event (a structlog processor)."""
    for key, value in event.items():
        if is_secret_key(key):
            event[key] = HIDDEN if value else value
        elif type(value) is str:
            event[key] = redact_text(value)
        elif isinstance(value, BaseException):
            event[key] = redact_text(str(value))
        elif type(value) is dict:
            event[key] = redact_event(None, "", dict(value))
    return event
