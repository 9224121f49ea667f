"""Credits of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of a user."""

    available: int
    held: int


@dataclass(frozen=True, slots=True)
class Account:
    """Credits, plan and limits of a user."""

    balance: Balance
    plan: str
    daily_limit: int | None
    """Credits held or spent in a UTC day; None means no limit."""
    spent_today: int
    reset_at: datetime
    """When the day ends."""
    open_jobs: int
    max_open_jobs: int


@dataclass(frozen=True, slots=True)
class Capture:
    """The capture of the newest charged round of a job, and its refund."""

    user_id: UUID
    round: int
    captured: int
    refunded: int
