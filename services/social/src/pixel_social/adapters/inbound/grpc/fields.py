"""Ids and times in requests and responses."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel_errors import Invalid, Violation
from pixel_runtime.ids import parse_id

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


def read_optional_user_id(field: str, text: str) -> UUID | None:
    return read_user_id(field, text) if text else None


def read_user_id(field: str, text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        raise invalid(field, "must be a user id such as usr_ and 32 hex digits") from error


def read_time(field: str, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(field, "must be a time from year 1 to 9999") from error


def invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field} {message}.", violations=(Violation(field, message),))


def write_time(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
