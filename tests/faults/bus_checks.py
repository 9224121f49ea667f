"""The checker's view of Kafka: every record from the beginning, compared with the event log and the inboxes."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from pixel_errors import Invalid
from pixel_events import CATALOGUE, Event
from pixel_events.event import read_event

from tests.faults.stores import Violation

STATUS, COMPLETE = "image.generation.status", "image.generation.complete"
QUIET_S = 10.0


@dataclass
class Bus:
    """The records of the topics; `dead` are those of the dead-letter topics."""

    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    dead: list[Event] = field(default_factory=list)


async def read_bus(brokers: str) -> Bus:
    return await asyncio.to_thread(_read, brokers)


def _read(brokers: str) -> Bus:
    """Read every partition from its first record to its current end."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "checker", "enable.auto.commit": False})
    try:
        known = consumer.list_topics(timeout=QUIET_S).topics
        ends: dict[tuple[str, int], int] = {}
        for name in CATALOGUE.keys() & known.keys():
            for number in known[name].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(name, number), timeout=QUIET_S)
                if high > low:
                    ends[name, number] = high
        consumer.assign([TopicPartition(name, number, 0) for name, number in ends])
        bus = Bus()
        heard_at = time.monotonic()
        while ends:
            # The call returns with this many records or after its timeout, not with the available records.
            messages = consumer.consume(500, timeout=0.05)
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > QUIET_S:
                raise TimeoutError(f"Kafka gave nothing for {QUIET_S:g} s, {len(ends)} partitions are not at their end")
            for message in messages:
                _keep(bus, message, ends)
        return bus
    finally:
        consumer.close()


def _keep(bus: Bus, message: Message, ends: dict[tuple[str, int], int]) -> None:
    place = (message.topic() or "", message.partition() or 0)
    if (message.offset() or 0) + 1 >= ends.get(place, 0):
        ends.pop(place, None)
    event = event_of(message)
    if event.topic.endswith(".dlq"):
        bus.dead.append(event)
    else:
        bus.events[event.topic].append(event)


def event_of(message: Message) -> Event:
    """Read a Kafka record as the services do."""
    headers: Any = message.headers() or []
    return read_event(
        message.topic() or "",
        key=message.key(),
        value=message.value() or b"",
        headers=headers,
        stored_at=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        partition=message.partition() or 0,
        offset=message.offset() or 0,
    )


def parsed(events: list[Event]) -> list[tuple[Event, Any]]:
    """Return the well-formed events with their messages; consumers dead-letter the others."""
    good = []
    for event in events:
        try:
            good.append((event, event.message()))
        except Invalid:
            continue
    return good


def judge(bus: Bus, stored: list[dict[str, Any]], inboxes: list[dict[str, Any]]) -> list[Violation]:
    """I5: every stored event was published once, in order; every published set had one effect."""
    return [*_announced(bus, stored), *_effects(bus, inboxes)]


def _announced(bus: Bus, stored: list[dict[str, Any]]) -> list[Violation]:
    found: list[Violation] = []
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    newest: dict[str, int] = defaultdict(int)
    for event, message in parsed(bus.events[STATUS]):
        name, sequence = message.event.generation_id, message.event.sequence
        if not ids[name, sequence] and sequence < newest[name]:
            found.append(Violation("I5", "order", name, f"event {sequence} first appears after {newest[name]}"))
        newest[name] = max(newest[name], sequence)
        ids[name, sequence].add(event.id)
    wanted = {(f"gen_{row['job_id'].hex}", row["sequence"]) for row in stored}
    found += [Violation("I5", "not_announced", name, f"event {number}") for name, number in sorted(wanted - ids.keys())]
    found += [Violation("I5", "never_stored", name, f"event {number}") for name, number in sorted(ids.keys() - wanted)]
    found += [
        Violation("I5", "announced_twice", name, f"event {number} under {len(each)} ids")
        for (name, number), each in ids.items()
        if len(each) > 1
    ]
    return found


def _effects(bus: Bus, inboxes: list[dict[str, Any]]) -> list[Violation]:
    """A dead letter had no effect, unless it was redriven since."""
    done = {str(row["event_id"]) for row in inboxes if row["consumer"] == "social-sets"}
    dead = {event.id for event in bus.dead} - done
    sent = {event.id: message.request_id for event, message in parsed(bus.events[COMPLETE]) if event.id not in dead}
    of_generation: dict[str, set[str]] = defaultdict(set)
    for event_id, generation in sent.items():
        of_generation[generation].add(event_id)
    missing, surplus = sorted(sent.keys() - done), sorted(done - sent.keys())
    found = [Violation("I5", "no_effect", event, "announced, and social never handled it") for event in missing]
    found += [Violation("I5", "effect_of_nothing", event, "handled, and never announced") for event in surplus]
    found += [
        Violation("I5", "completed_twice", name, f"{len(ids)} completions")
        for name, ids in of_generation.items()
        if len(ids) > 1
    ]
    return found
