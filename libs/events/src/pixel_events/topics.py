"""The catalogue of topics: message type, retention and maximum record size.

Every topic has a dead-letter topic `<topic>.dlq` with one partition. Records are keyed by user id (notifications by the
recipient), so the events of one user are read in order. Image bytes are not published: records carry ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pixel.generation.v1 import events_pb2 as generation
from pixel.social.v1 import events_pb2 as social

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from google.protobuf.message import Message

DAY_MS = 86_400_000
DEAD_LETTER_SUFFIX = ".dlq"
DEAD_LETTER_ROOM_BYTES = 16_384
"""Bytes that the headers of a dead letter may add to its record."""

DEAD_LETTER_RETENTION_MS = 14 * DAY_MS
MODEL_QUEUES = ("gemini", "dall-e", "stable-diffusion")
"""Models with their own workers and therefore their own request topic."""


@dataclass(frozen=True)
class Topic:
    """A topic with records of one message type."""

    name: str
    partitions: int
    retention_ms: int
    message: type[Message]
    max_message_bytes: int = 1_048_576

    @property
    def dead_letters(self) -> Topic:
        """The topic for records that no consumer can handle."""
        return Topic(
            name=self.name + DEAD_LETTER_SUFFIX,
            partitions=1,
            retention_ms=DEAD_LETTER_RETENTION_MS,
            message=self.message,
            max_message_bytes=self.max_message_bytes + DEAD_LETTER_ROOM_BYTES,
        )


def _topics() -> Iterator[Topic]:
    yield Topic("image.generation.requests", 6, 7 * DAY_MS, generation.ImageGenerationRequested)
    yield Topic("image.generation.status", 3, DAY_MS, generation.GenerationStatusChanged)
    yield Topic("image.generation.complete", 3, 7 * DAY_MS, generation.ImageGenerationCompleted)
    yield Topic("image.generation.failed", 3, 7 * DAY_MS, generation.ImageGenerationFailed)
    yield Topic("video.generation.requests", 6, 7 * DAY_MS, generation.VideoGenerationRequested, 10_485_760)
    yield Topic("video.processing.status", 3, DAY_MS, generation.VideoProcessingStatusChanged)
    yield Topic("video.processing.complete", 3, 7 * DAY_MS, generation.VideoProcessingCompleted)
    yield Topic("video.processing.failed", 3, 7 * DAY_MS, generation.VideoProcessingFailed)
    yield Topic("user.activities", 12, DAY_MS, social.UserActivity)
    yield Topic("user.notifications", 12, DAY_MS, social.UserNotification)
    yield Topic("social.interactions", 12, DAY_MS, social.SocialInteraction)
    for model in MODEL_QUEUES:
        yield Topic(f"ai.{model}.requests", 6, 7 * DAY_MS, generation.AiGenerationRequested)


def with_dead_letters(topics: Iterable[Topic]) -> Mapping[str, Topic]:
    """Index topics and their dead-letter topics by name."""
    return MappingProxyType({named.name: named for topic in topics for named in (topic, topic.dead_letters)})


CATALOGUE: Mapping[str, Topic] = with_dead_letters(_topics())
"""Every topic by name."""
