"""Ids are UUIDv7, so a time range maps to an id range."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

SLACK = timedelta(hours=1)
"""An id is generated before its row is written, perhaps on a machine with another clock."""
LOWEST = UUID(int=0)


def lowest_id_at(at: datetime) -> UUID:
    """Return an id below those of all rows written at that time or later."""
    return _first_of(at - SLACK)


def highest_id_at(at: datetime) -> UUID:
    """Return an id above those of all rows written before that time."""
    return _first_of(at + SLACK)


def _first_of(at: datetime) -> UUID:
    return UUID(int=min(max(0, int(at.timestamp() * 1000)), 2**48 - 1) << 80)
