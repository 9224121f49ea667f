"""Dead letters: records no consumer could handle, with where they came from, and the way back."""

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
"""A dead-letter topic that gives nothing for so long has nothing more."""

READ_BATCH = 100
KEY_CHARACTERS = 256


@dataclass(frozen=True)
class Origin:
    """Where a dead letter comes from and why it died."""

    topic: str
    partition: int
    offset: int
    error: str
    attempts: int
    consumer: str


def dead_letter(event: Event, error: Exception, *, attempts: int, consumer: str) -> Event:
    """Address an event to the dead-letter topic of its topic.

    The error is told by its class and reason only: its text may hold a prompt or a name.
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
    """Keep only where a dead letter comes from, for a record that is larger than its topic should carry."""
    headers = {name: text for name, text in letter.headers.items() if name.startswith(PREFIX)}
    headers["dlq-dropped-bytes"] = str(len(letter.value))
    return replace(
        letter, key=letter.key[:KEY_CHARACTERS], type=letter.type[:KEY_CHARACTERS], value=b"", headers=headers
    )


def origin_of(letter: Event) -> Origin:
    """Read where a dead letter comes from; raise Invalid for a record that nobody dead-lettered."""
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
    """Return the oldest dead letters of a topic; takes nothing from anybody."""
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

    Each keeps its id and key, so consumers that did handle it know it. A letter is taken from the dead-letter topic
    only after it was published. A dry run publishes and takes nothing.
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
