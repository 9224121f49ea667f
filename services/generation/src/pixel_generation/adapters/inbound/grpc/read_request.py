"""Reads ids, times, page sizes and page tokens of requests."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pixel_errors import Invalid, Violation
from pixel_runtime.ids import parse_id

from pixel_generation.application.reading.page import FIRST
from pixel_generation.domain.billing.promotions import CODE
from pixel_generation.domain.errors import GenerationNotFound

if TYPE_CHECKING:
    from google.protobuf.message import Message


def read_user_id(text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        raise invalid("userId", "A user id is usr_ and 32 hex digits.") from error


def read_generation_id(text: str) -> UUID:
    try:
        return parse_id("gen", text)
    except ValueError as error:
        # A malformed id is answered like an unknown one.
        raise GenerationNotFound from error


def read_time(message: Message, name: str) -> datetime | None:
    """Return the field's time, None when it is absent; raise Invalid."""
    if not message.HasField(name):
        return None
    try:
        at: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(name, "The time cannot be read.") from error
    return at


def read_size(asked: int, *, default: int, most: int) -> int:
    """Return the size of a page; 0 means the default."""
    size = asked or default
    if not 1 <= size <= most:
        raise invalid("limit", f"A page has 1 to {most} items.")
    return size


def write_token(last: UUID | None) -> str:
    """Return the token of the next page; empty at the end."""
    return "" if last is None else base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def read_token(text: str) -> UUID:
    """Parse a page token; empty means the first page."""
    if not text:
        return FIRST
    try:
        return UUID(bytes=_bytes_of(text))
    except ValueError as error:
        raise invalid("cursor", "The cursor is not valid for this list.") from error


def write_timed_token(last: tuple[datetime, UUID] | None) -> str:
    """Return the token of the next page of a list by time; empty at the end."""
    if last is None:
        return ""
    at, item = last
    micros = round(at.timestamp() * 1_000_000)
    return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + item.bytes).decode().rstrip("=")


def read_timed_token(text: str) -> tuple[datetime, UUID] | None:
    """Parse a page token of a list by time; empty means the first page."""
    if not text:
        return None
    try:
        data = _bytes_of(text)
        seconds, micros = divmod(int.from_bytes(data[:8], "big"), 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), UUID(bytes=data[8:])
    except (ValueError, OverflowError, OSError) as error:
        raise invalid("cursor", "The cursor is not valid for this list.") from error


def write_code_token(last: str | None) -> str:
    """Return the token of the next page of a list by promotion code; empty at the end."""
    return "" if last is None else base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def read_code_token(text: str) -> str:
    """Parse a page token of a list by promotion code; empty means the first page."""
    if not text:
        return ""
    try:
        code = _bytes_of(text).decode("ascii")
    except ValueError:
        code = ""
    if not CODE.fullmatch(code):
        raise invalid("cursor", "The cursor is not valid for this list.")
    return code


def _bytes_of(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
