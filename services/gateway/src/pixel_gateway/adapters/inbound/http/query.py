"""Reading query strings strictly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http.errors import InvalidRequest, MalformedRequest
from pixel_gateway.application.ports import InvalidPageToken

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_MAX_FIELDS = 50
_MAX_TEXT = 1000
_MAX_CURSOR_CHARS = 512


class Query:
    """The parameters of one request, each at most once and known by name."""

    def __init__(self, query_string: bytes, accepted: Collection[str]) -> None:
        self._values = _parsed(query_string, accepted) if query_string else {}

    def text(self, *names: str, max_length: int = _MAX_TEXT) -> str:
        """Return the value of the first name that is given, or the empty text."""
        for name in names:
            if name in self._values:
                value = self._values[name]
                if len(value) > max_length:
                    raise _bad(name, f"at most {max_length} characters")
                return value
        return ""

    def cursor(self) -> str:
        """Return the cursor, or the empty text when none is given; raise InvalidPageToken for one that cannot be."""
        value = self._values.get("cursor")
        if value is None:
            return ""
        if not 1 <= len(value) <= _MAX_CURSOR_CHARS:
            raise InvalidPageToken(violations=(Violation("cursor", "has to be nextCursor of the page before"),))
        return value

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        value = self._values.get(name)
        if value is None:
            return default
        is_number = value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20  # noqa: PLR2004
        if not is_number or not least <= int(value) <= most:
            raise _bad(name, f"a whole number from {least} to {most}")
        return int(value)

    def word(self, name: str, accepted: Sequence[str], *, default: str) -> str:
        """Return one of the accepted words."""
        value = self._values.get(name)
        if value is None:
            return default
        if value not in accepted:
            raise _bad(name, f"one of {', '.join(accepted)}")
        return value

    def moment(self, name: str) -> datetime | None:
        """Return an RFC 3339 time; a bare date is its first moment in UTC."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise _bad(name, "an RFC 3339 time such as 2026-11-21T10:00:00Z") from None


def _parsed(query_string: bytes, accepted: Collection[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except (UnicodeDecodeError, ValueError):
        raise MalformedRequest("The query is not UTF-8 in percent encoding, or has too many parameters.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise MalformedRequest(f"The parameter {name[:64]} stands twice.")
        if name not in accepted:
            shown = ", ".join(accepted) or "none"
            raise InvalidRequest(
                f"The parameter {name[:64]} is not known here; known are {shown}.",
                violations=(Violation(name[:64], f"is not known here; known are {shown}"),),
            )
        if "\x00" in value:
            raise _bad(name, "text without NUL")
        values[name] = value
    return values


def _bad(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{name} has to be {message}.", violations=(Violation(name, f"has to be {message}"),))
