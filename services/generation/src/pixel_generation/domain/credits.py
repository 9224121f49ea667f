"""Credits of users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of a user."""

    available: int
    held: int
