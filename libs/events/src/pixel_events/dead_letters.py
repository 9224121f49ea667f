"""Dead letters: records no consumer could handle, their origin, and redriving them."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import Invalid, PixelError

from pixel_events.event import UnknownTopic
from pixel_events.topics import DEAD_LETTER_SUFFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_events.bus import Bus, BusConsumer
    from pixel_events.event import Event

PREFIX = "dlq-"
REDRIVE_GROUP = "dead-letters-redrive"
QUIET_S = 3.0
"""A dead-letter topic that returns nothing for this long is read to its end."""

READ_BATCH = 100
KEY_CHARACTERS = 256


@dataclass(frozen=True)
class Origin:
    """Topic, partition and offset of a dead letter, and the error that caused it."""

    topic: str
    partition: int
    offset: int
    error: str
    attempts: int
    consumer: str


def dead_letter(event: Event, error: Exception, *, attempts: int, consumer: str) -> Event:
    """Return a copy of an event for the dead-letter topic of its topic.

    The error is recorded by its class and reason only: its text may contain a prompt or a name.
    """
    reason = f"{type(error).__name__}: {error.code}" if isinstance(error, PixelError) else type(error).__name__
    origin = {
        "dlq-origin-topic": event.topic,
        "dlq-origin-partition": str(event.partition),
        "dlq-origin-offset": str(event.offset),
        "dlq-error": reason,
        "dlq-attempts": str(attempts),
        "dlq-consumer": consumer,
    }
    return replace(
        event, topic=event.topic + DEAD_LETTER_SUFFIX, headers={**event.headers, **origin}, partition=-1, offset=-1
    )


def without_contents(letter: Event) -> Event:
    """Return the dead letter with its origin but no value, for a record larger than its topic accepts."""
    headers = {name: text for name, text in letter.headers.items() if name.startswith(PREFIX)}
    headers["dlq-dropped-bytes"] = str(len(letter.value))
    return replace(
        letter, key=letter.key[:KEY_CHARACTERS], type=letter.type[:KEY_CHARACTERS], value=b"", headers=headers
    )


def origin_of(letter: Event) -> Origin:
    """Return the origin of a dead letter; raise Invalid for a record that is no dead letter."""
    try:
        return Origin(
            topic=letter.headers["dlq-origin-topic"],
            partition=int(letter.headers["dlq-origin-partition"]),
            offset=int(letter.headers["dlq-origin-offset"]),
            error=letter.headers.get("dlq-error", ""),
            attempts=int(letter.headers.get("dlq-attempts", "0")),
            consumer=letter.headers.get("dlq-consumer", ""),
        )
    except (KeyError, ValueError) as error:
        raise Invalid(f"record {letter.offset} of {letter.topic} has no origin", reason="NO_ORIGIN") from error


async def list_dead_letters(bus: Bus, topic: str, *, limit: int = 1000) -> list[Event]:
    """Return the oldest dead letters of a topic and leave them there."""
    reader = bus.consumer(f"dead-letters-list-{uuid.uuid4()}", [_letters_of(topic)])
    await reader.start()
    try:
        return [letter async for letter in _letters(reader, limit)]
    finally:
        await reader.close()


async def redrive(
    bus: Bus, topic: str, *, limit: int = 1000, rate_per_s: float = 50.0, is_dry_run: bool = False
) -> list[Event]:
    """Publish dead letters to their topic again, in order and no faster than the rate; return those events.

    Each keeps its id and key, so consumers that already handled it skip it. A letter is committed in the dead-letter
    topic only after it was published. A dry run publishes and commits nothing.
    """
    reader = bus.consumer(REDRIVE_GROUP, [_letters_of(topic)])
    await reader.start()
    events = []
    try:
        async for letter in _letters(reader, limit):
            event = _returned(letter)
            events.append(event)
            if not is_dry_run:
                await bus.publish([event])
                await reader.commit([letter])
                await asyncio.sleep(1 / rate_per_s)
    finally:
        await reader.close()
    return events


async def _letters(reader: BusConsumer, limit: int) -> AsyncIterator[Event]:
    left = limit
    while left > 0 and (letters := await reader.receive(min(left, READ_BATCH), QUIET_S)):
        for letter in letters:
            yield letter
        left -= len(letters)


def _returned(letter: Event) -> Event:
    headers = {name: text for name, text in letter.headers.items() if not name.startswith(PREFIX)}
    return replace(letter, topic=origin_of(letter).topic, headers=headers, partition=-1, offset=-1)


def _letters_of(topic: str) -> str:
    if topic.endswith(DEAD_LETTER_SUFFIX):
        raise UnknownTopic(f"name the topic, not its dead letters: {topic.removesuffix(DEAD_LETTER_SUFFIX)}")
    return topic + DEAD_LETTER_SUFFIX
