"""Messages as facts of the domain that have the same field names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from google.protobuf.message import Message

T = TypeVar("T")


def content_of(message: Message) -> dict[str, Any]:
    """Return the content by field name; what has no value and may be absent is left out."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def facts_of(message: Message, target: type[T]) -> T:
    """Return the message as a dataclass; fields that the dataclass does not know are left out."""
    return facts_from(content_of(message), target)


def facts_from(content: dict[str, Any], target: type[T]) -> T:
    """Return content as a dataclass. Whole numbers of 64 bits stand in it as text (the JSON mapping of protobuf)."""
    return msgspec.convert(content, target, strict=False)
