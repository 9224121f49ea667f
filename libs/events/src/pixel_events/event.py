"""One record of the bus, in CloudEvents 1.0 binary mode: attributes in headers, the protobuf message as the value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from google.protobuf.message import DecodeError
from pixel_errors import Invalid

from pixel_events.topics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

    from pixel_events.topics import Topic

CONTENT_TYPE = "application/protobuf"
SPEC_VERSION = "1.0"
RECORD_OVERHEAD_BYTES = 512
"""Bytes of one record's envelope on the wire, beside its key, value and own headers."""


class MalformedEvent(Invalid):
    """The record is not an event of its topic."""

    reason = "MALFORMED_EVENT"


class EventTooLarge(Invalid):
    """The event is larger than its topic allows."""

    reason = "EVENT_TOO_LARGE"


class UnknownTopic(Invalid):
    """The catalogue has no such topic."""

    reason = "UNKNOWN_TOPIC"


@dataclass(frozen=True)
class Event:
    """An event as published and consumed. `partition` and `offset` are set when it was read from the bus."""

    topic: str
    key: str
    type: str
    value: bytes
    id: str
    source: str
    time: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    partition: int = -1
    offset: int = -1

    def message(self) -> Message:
        """Parse the value as the catalogue's type; raise MalformedEvent when it is not one."""
        topic = topic_named(self.topic, CATALOGUE)
        expected = topic.message.DESCRIPTOR.full_name
        if self.type != expected:
            raise MalformedEvent(f"type is {self.type!r}, {self.topic} carries {expected}")
        try:
            UUID(self.id)
        except ValueError as error:
            raise MalformedEvent("the event id is not a UUID") from error
        try:
            return topic.message.FromString(self.value)
        except DecodeError as error:
            raise MalformedEvent(f"the value does not parse as {expected}") from error


def topic_named(name: str, catalogue: Mapping[str, Topic]) -> Topic:
    """Look a topic up; raise UnknownTopic."""
    topic = catalogue.get(name)
    if topic is None:
        raise UnknownTopic(f"no topic {name!r} in the catalogue", metadata={"topic": name})
    return topic


def require_fit(topic: Topic, *, key: str, value: bytes, headers: Mapping[str, str]) -> None:
    """Raise EventTooLarge when the record would not fit its topic."""
    size = RECORD_OVERHEAD_BYTES + len(key) + len(value) + sum(len(name) + len(text) for name, text in headers.items())
    if size > topic.max_message_bytes:
        raise EventTooLarge(
            f"{size} bytes, {topic.name} takes {topic.max_message_bytes}",
            metadata={"topic": topic.name, "size_bytes": str(size)},
        )


def wire_headers(event: Event) -> list[tuple[str, str | bytes | None]]:
    """Return an event's attributes as CloudEvents headers, its own headers last."""
    written: list[tuple[str, str | bytes | None]] = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", _encoded(event.id)),
        ("ce_type", _encoded(event.type)),
        ("ce_source", _encoded(event.source)),
        ("ce_time", event.time.isoformat().encode()),
        ("content-type", CONTENT_TYPE),
    ]
    written.extend((name, _encoded(text)) for name, text in event.headers.items())
    return written


def read_event(
    topic: str,
    *,
    key: bytes | None,
    value: bytes,
    headers: Iterable[tuple[str, str | bytes | None]],
    stored_at: datetime,
    partition: int,
    offset: int,
) -> Event:
    """Read a record; missing attributes stay empty, so that `message()` can refuse it with its origin."""
    facts = {name: _decoded(text) for name, text in headers}
    for constant in ("ce_specversion", "content-type"):
        facts.pop(constant, None)
    return Event(
        topic=topic,
        key=_decoded(key),
        value=value,
        id=facts.pop("ce_id", ""),
        type=facts.pop("ce_type", ""),
        source=facts.pop("ce_source", ""),
        time=_time(facts.pop("ce_time", ""), stored_at),
        headers=facts,
        partition=partition,
        offset=offset,
    )


def _time(text: str, stored_at: datetime) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return stored_at
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(data: str | bytes | None) -> str:
    if isinstance(data, str):
        return data
    # Bytes that are not UTF-8 reach the dead-letter topic unchanged.
    return (data or b"").decode("utf-8", "surrogateescape")
