from __future__ import annotations

import pytest
from pixel_events import CATALOGUE

DAY_MS = 24 * 3600 * 1000

PROMISED = [
    ("image.generation.requests", 6, 7 * DAY_MS, 1_048_576),
    ("image.generation.status", 3, DAY_MS, 1_048_576),
    ("image.generation.complete", 3, 7 * DAY_MS, 1_048_576),
    ("image.generation.failed", 3, 7 * DAY_MS, 1_048_576),
    ("video.generation.requests", 6, 7 * DAY_MS, 10_485_760),
    ("video.processing.status", 3, DAY_MS, 1_048_576),
    ("video.processing.complete", 3, 7 * DAY_MS, 1_048_576),
    ("video.processing.failed", 3, 7 * DAY_MS, 1_048_576),
    ("user.activities", 12, DAY_MS, 1_048_576),
    ("user.notifications", 12, DAY_MS, 1_048_576),
    ("social.interactions", 12, DAY_MS, 1_048_576),
    ("ai.gemini.requests", 6, 7 * DAY_MS, 1_048_576),
    ("ai.dall-e.requests", 6, 7 * DAY_MS, 1_048_576),
    ("ai.stable-diffusion.requests", 6, 7 * DAY_MS, 1_048_576),
]


@pytest.mark.parametrize(("name", "partitions", "retention_ms", "max_message_bytes"), PROMISED)
def test_every_topic_matches_the_requirements(
    name: str, partitions: int, retention_ms: int, max_message_bytes: int
) -> None:
    topic = CATALOGUE[name]
    assert (topic.partitions, topic.retention_ms, topic.max_message_bytes) == (
        partitions,
        retention_ms,
        max_message_bytes,
    )


@pytest.mark.parametrize("name", [promised[0] for promised in PROMISED])
def test_every_topic_has_a_dead_letter_topic_with_space_for_the_origin(name: str) -> None:
    twin = CATALOGUE[f"{name}.dlq"]
    assert twin.message is CATALOGUE[name].message
    assert twin.max_message_bytes > CATALOGUE[name].max_message_bytes
    assert twin.retention_ms > CATALOGUE[name].retention_ms


def test_the_catalogue_has_no_other_topic() -> None:
    names = [promised[0] for promised in PROMISED]
    assert sorted(CATALOGUE) == sorted([*names, *(f"{name}.dlq" for name in names)])
