"""Statement and usage of a user's credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

METADATA_PREFIX = "metadata."
USAGE_DIMENSIONS = ("api_key", "end_user", "model", "day")
USER_TRANSFERS = ("grant", "promotion", "adjustment", "hold", "capture", "release", "refund")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transfer in a statement."""

    id: UUID
    kind: str
    available: int
    """Change of the available credits."""
    held: int
    """Change of the held credits."""
    job_id: UUID | None
    round: int
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Usage of one group."""

    group: tuple[str, ...]
    generations: int
    outputs: int
    credits: int
    """Captured minus refunded."""


def is_usage_dimension(name: str) -> bool:
    """Return whether usage can be grouped by this field."""
    return name in USAGE_DIMENSIONS or (name.startswith(METADATA_PREFIX) and len(name) > len(METADATA_PREFIX))
