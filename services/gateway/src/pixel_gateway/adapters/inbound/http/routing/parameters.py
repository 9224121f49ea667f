"""Query parameters and header fields: each is declared once, with its documentation and its parser.

Litestar converts leniently (`5.0` and ` 5` are whole numbers) and ignores unknown and repeated parameters; here such a
request is refused with the parameter's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

from litestar.params import PathParameter
from pixel_errors import Violation
from pixel_limits.generation import LIST_GENERATIONS_REQUEST_PAGE_SIZE_LTE
from pixel_limits.generation import SUBMISSION_IDEMPOTENCY_KEY_MAX_LEN as _MAX_KEY_CHARS
from pixel_limits.social import DISCOVER_REQUEST_PAGE_SIZE_LTE, LIST_NOTIFICATIONS_REQUEST_PAGE_SIZE_LTE

from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest, MalformedRequest
from pixel_gateway.application.ports import InvalidPageToken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

_MAX_PAGE = min(
    LIST_GENERATIONS_REQUEST_PAGE_SIZE_LTE, DISCOVER_REQUEST_PAGE_SIZE_LTE, LIST_NOTIFICATIONS_REQUEST_PAGE_SIZE_LTE
)
"""Every list takes it."""
_MAX_FIELDS = 50
_MAX_TEXT = 1000
_MAX_CURSOR_CHARS = 512
_STRING = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}

T = TypeVar("T")


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """One query parameter or header field of an endpoint."""

    name: str
    description: str
    read: Callable[[str], T]
    """Parses a text; raises InvalidRequest, which names the parameter."""
    default: T
    schema: Mapping[str, Any]
    place: Literal["query", "header"] = "query"


def text(
    name: str,
    description: str,
    *,
    max_length: int = _MAX_TEXT,
    schema: Mapping[str, Any] = _STRING,
    place: Literal["query", "header"] = "query",
) -> Parameter[str]:
    """Declare text; empty when it is not given."""

    def read(value: str) -> str:
        if len(value) > max_length:
            raise invalid_parameter(name, f"at most {max_length} characters")
        return value

    return Parameter(name, description, read, "", schema, place)


def word(
    name: str, description: str, accepted: Sequence[str], *, default: str = "", schema: Mapping[str, Any] | None = None
) -> Parameter[str]:
    """Declare one of the accepted values."""

    def read(value: str) -> str:
        if value not in accepted:
            raise invalid_parameter(name, f"one of {', '.join(accepted)}")
        return value

    documented = {"type": "string", "enum": [*accepted]} | ({"default": default} if default else {})
    return Parameter(name, description, read, default, documented if schema is None else schema)


def whole_number(
    name: str, description: str, *, default: int, least: int, most: int, schema: Mapping[str, Any] | None = None
) -> Parameter[int]:
    """Declare a whole number within bounds."""

    def read(value: str) -> int:
        is_number = value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20  # noqa: PLR2004
        if not is_number or not least <= int(value) <= most:
            raise invalid_parameter(name, f"a whole number from {least} to {most}")
        return int(value)

    documented = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name, description, read, default, documented if schema is None else schema)


def time(name: str, description: str) -> Parameter[datetime | None]:
    """Declare an RFC 3339 time; a bare date is its first moment in UTC."""

    def read(value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid_parameter(name, "an RFC 3339 time such as 2026-11-21T10:00:00Z") from None

    return Parameter(name, description, read, None, _TIME)


def page_size(default: int) -> Parameter[int]:
    """Declare the number of entries on a page."""
    schema = {"type": "integer", "minimum": 1, "maximum": _MAX_PAGE, "default": default}
    return whole_number("limit", "Entries on a page.", default=default, least=1, most=_MAX_PAGE, schema=schema)


def _cursor(value: str) -> str:
    if not 1 <= len(value) <= _MAX_CURSOR_CHARS:
        raise InvalidPageToken(violations=(Violation("cursor", "must be nextCursor of the previous page"),))
    return value


def key_in(name: str, value: str) -> str:
    """Return an idempotency key; raise InvalidRequest, which names its field, for a malformed one."""
    if not 1 <= len(value) <= _MAX_KEY_CHARS or not all("!" <= char <= "~" for char in value):
        raise invalid_parameter(name, f"1 to {_MAX_KEY_CHARS} visible ASCII characters")
    return value


def _preferences(value: str) -> Mapping[str, str]:
    """Return the preferences of a Prefer field (RFC 7240) by name; a bare one has the empty text."""
    words = (each.partition(";")[0].partition("=") for each in value.split(","))
    return {name.strip().lower(): wanted.strip().strip('"') for name, _, wanted in words if name.strip()}


IdInPath = Annotated[
    str, PathParameter(name="id", description="Id with its prefix, for example `gen_` and 32 hex digits.")
]
CURSOR = Parameter("cursor", "`nextCursor` of the previous page.", _cursor, "", _STRING)
FROM = time("from", "From this moment on.")
TO = time("to", "Before this moment.")
TICKET = text("ticket", "A ticket of POST /api/tickets in place of an API key; it works once.")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    f"1 to {_MAX_KEY_CHARS} visible ASCII characters; makes repeating the request safe.",
    lambda value: key_in("Idempotency-Key", value),
    "",
    {"type": "string", "minLength": 1, "maxLength": _MAX_KEY_CHARS},
    "header",
)
PREFER_WAIT: Parameter[Mapping[str, str]] = Parameter(
    "Prefer", "`wait=N` holds the answer for up to N seconds, 60 at most.", _preferences, {}, _STRING, "header"
)


class Query:
    """The query of one request: known parameters only, each at most once."""

    __slots__ = ("_values",)

    def __init__(self, query_string: bytes, accepted: Collection[str]) -> None:
        self._values = _parsed(query_string, accepted) if query_string else {}

    def __contains__(self, parameter: Parameter[Any]) -> bool:
        return parameter.name in self._values

    def __getitem__(self, parameter: Parameter[T]) -> T:
        """Return the value of a parameter, or its default; raise InvalidRequest."""
        value = self._values.get(parameter.name)
        return parameter.default if value is None else parameter.read(value)


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
            raise MalformedRequest(f"The parameter {name[:64]} is given twice.")
        if name not in accepted:
            known = ", ".join(accepted) or "none"
            raise InvalidRequest(
                f"The parameter {name[:64]} is unknown; known are {known}.",
                violations=(Violation(name[:64], f"is unknown; known are {known}"),),
            )
        if "\x00" in value:
            raise invalid_parameter(name, "text without NUL")
        values[name] = value
    return values


def invalid_parameter(name: str, message: str) -> InvalidRequest:
    """Return the error of an invalid value."""
    return InvalidRequest(f"{name} has to be {message}.", violations=(Violation(name, f"has to be {message}"),))
