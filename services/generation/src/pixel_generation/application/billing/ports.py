"""Ports of the billing use cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Scope
    from pixel_generation.domain.billing.credits import Account, Capture
    from pixel_generation.domain.billing.promotions import Promotion
    from pixel_generation.domain.billing.receipt import Receipt
    from pixel_generation.domain.billing.statement import Transaction, UsageRow


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The result of an adjustment."""

    made: bool
    was_made: bool
    """Made by an earlier call; neither means that the balance does not cover it."""
    was_other: bool
    """The earlier call had another amount or reason."""
    available: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The result of a redemption."""

    credits: int
    redeemed: bool
    was_redeemed: bool
    """Redeemed by an earlier call; neither means that the promotion has ended."""
    available: int


@dataclass(frozen=True, slots=True)
class AccountChange:
    """New plan and limits of a user; None keeps a value, -1 means the plan's limit."""

    plan: str | None
    daily_limit: int | None
    max_running: int | None


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Groups of captured credits."""

    rows: list[UsageRow]
    total_credits: int
    complete: bool
    """False when the period has more transfers than one call reads."""


class Ledger(Protocol):
    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        """Grant credits once per user and grant id; return whether it was booked now, and the credits available."""


class Corrections(Protocol):
    """Transfers made by a person; each is written with an action that records who and why."""

    async def adjust(
        self, user_id: UUID, credits_added: int, *, adjustment_id: str, reason: str, actor: str
    ) -> Adjusted:
        """Add credits, or deduct them when negative, once per user and adjustment id, never below zero."""

    async def find_capture(self, job_id: UUID) -> Capture | None:
        """Return the newest round with a capture, else the newest; None for an unknown job."""

    async def refund(self, job_id: UUID, capture: Capture, credits_back: int, *, reason: str, actor: str) -> bool:
        """Refund captured credits; False when the round was refunded before."""


class Promotions(Protocol):
    """Promotion codes."""

    async def create(
        self, code: str, credit_count: int, *, max_uses: int | None, ends_at: datetime | None, actor: str
    ) -> Promotion | None:
        """Add a code; None when it exists."""

    async def page(self, *, after: str, limit: int) -> Page[Promotion, str]:
        """Return codes in order, after the code `after`."""

    async def end(self, code: str, *, actor: str) -> Promotion | None:
        """End a code now and record who did it, unless it has ended; return the code, None if unknown."""

    async def redeem(self, user_id: UUID, code: str) -> Redeemed | None:
        """Grant a code's credits once per user before its end; None for an unknown code."""


class Accounts(Protocol):
    """Credits, plan and limits of users."""

    async def find(self, user_id: UUID) -> Account:
        """Return the account; an empty one of the first plan for a user without one."""

    async def update(self, user_id: UUID, change: AccountChange, *, actor: str) -> bool:
        """Change plan and limits; False when the plan does not exist."""


class Budgets(Protocol):
    """Budgets: limits on held and spent amounts."""

    async def set(self, limit: BudgetLimit, *, actor: str) -> Budget:
        """Create a budget or change its limit; its used amount is kept."""

    async def find(self, *, scope: Scope | None, subject: str | None, limit: int) -> list[Budget]:
        """Return budgets by scope and subject."""

    async def delete(self, budget_id: UUID, *, actor: str) -> bool:
        """Delete a budget; False when it does not exist."""


class Statements(Protocol):
    """Reads of the ledger, limited to the user's own rows."""

    async def receipt(self, job_id: UUID, user_id: UUID) -> Receipt | None:
        """Return rounds and runs of one generation in one snapshot."""

    async def transactions(
        self, user_id: UUID, *, before: UUID, kinds: Sequence[str], job_id: UUID | None, limit: int
    ) -> Page[Transaction, UUID]:
        """Return transfers of these kinds newest first, below the id `before`."""

    async def usage(
        self, user_id: UUID, *, group_by: Sequence[str], start: datetime, end: datetime, limit: int
    ) -> UsageSums:
        """Sum captured minus refunded credits by group, largest first."""
