"""The outbox: events written in the transaction of the change they report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pixel_postgres import execute, load_queries
from pixel_runtime.ids import new_id
from pixel_telemetry import inject
from psycopg.types.json import Jsonb

from pixel_events.event import require_fit, topic_named
from pixel_events.topics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from google.protobuf.message import Message
    from psycopg import AsyncConnection

OUTBOX = load_queries("pixel_events.sql", "outbox.sql")


@dataclass(frozen=True)
class OutboxEvent:
    """An event to publish: its topic, its key (the user's id) and its message; the id is generated when not given."""

    topic: str
    key: str
    message: Message
    id: UUID | None = None


class OutboxRow(NamedTuple):
    """An outbox row; the value is the serialized message."""

    event_id: UUID
    topic: str
    key: str
    type: str
    value: bytes
    headers: Mapping[str, str]


async def append_outbox(conn: AsyncConnection[Any], events: Sequence[OutboxEvent]) -> None:
    """Write events inside the caller's transaction, in order; its commit notifies the relay.

    Raises Invalid for an event that its topic can never accept, so that it cannot block the relay.
    """
    if events:
        await execute(conn, OUTBOX["insert_outbox"], outbox_parameters(events))


def outbox_parameters(events: Sequence[OutboxEvent]) -> dict[str, list[Any]]:
    """Return the columns of events as lists, for a statement that inserts outbox rows together with other rows."""
    rows = outbox_rows(events)
    return {
        "event_ids": [row.event_id for row in rows],
        "topics": [row.topic for row in rows],
        "keys": [row.key for row in rows],
        "types": [row.type for row in rows],
        "values": [row.value for row in rows],
        "headers": [Jsonb(row.headers) for row in rows],
    }


def outbox_rows(events: Sequence[OutboxEvent]) -> list[OutboxRow]:
    """Return the outbox rows of events; raise Invalid for one that its topic can never accept."""
    headers = inject()
    rows = []
    for event in events:
        topic = topic_named(event.topic, CATALOGUE)
        if not isinstance(event.message, topic.message):
            raise TypeError(f"{topic.name} carries {topic.message.DESCRIPTOR.full_name}, not {type(event.message)}")
        value = event.message.SerializeToString()
        require_fit(topic, key=event.key, value=value, headers=headers)
        event_type = topic.message.DESCRIPTOR.full_name
        rows.append(OutboxRow(event.id or new_id(), event.topic, event.key, event_type, value, headers))
    return rows
