"""Converts messages to domain objects with the same field names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from google.protobuf.message import Message

T = TypeVar("T")


def content_of(message: Message) -> dict[str, Any]:
    """Return the content by field name; omit absent optional fields."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def facts_of(message: Message, target: type[T]) -> T:
    """Return the message as a dataclass; omit fields that the dataclass does not have."""
    return facts_from(content_of(message), target)


def facts_from(content: dict[str, Any], target: type[T]) -> T:
    """Return content as a dataclass. Integers of 64 bits are text in it (the JSON mapping of protobuf)."""
    return msgspec.convert(content, target, strict=False)
