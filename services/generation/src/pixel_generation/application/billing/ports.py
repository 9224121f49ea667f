"""What the use cases of money need from the outside."""

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
    """What became of an adjustment."""

    made: bool
    was_made: bool
    """By an earlier call; neither means that the balance does not cover it."""
    was_other: bool
    """The earlier call had another amount or reason."""
    available: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What became of a promotion code."""

    credits: int
    redeemed: bool
    was_redeemed: bool
    """By an earlier call; neither means that the promotion is over."""
    available: int


@dataclass(frozen=True, slots=True)
class AccountChange:
    """New plan and limits of a user; None leaves a value, -1 means as the plan says."""

    plan: str | None
    daily_limit: int | None
    max_running: int | None


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Groups of captured credits."""

    rows: list[UsageRow]
    total_credits: int
    complete: bool
    """False when more transfers fell into the period than one answer reads."""


class Ledger(Protocol):
    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        """Give credits once per user and grant id; return whether it happened now, and the credits available."""


class Corrections(Protocol):
    """Transfers that a person makes; each is written with an action that names who and why."""

    async def adjust(
        self, user_id: UUID, credits_added: int, *, adjustment_id: str, reason: str, actor: str
    ) -> Adjusted:
        """Add credits, or take them when negative, once per user and adjustment id and never below zero."""

    async def find_capture(self, job_id: UUID) -> Capture | None:
        """Return the newest round that captured something, else the newest; None for an unknown job."""

    async def refund(self, job_id: UUID, capture: Capture, credits_back: int, *, reason: str, actor: str) -> bool:
        """Give captured credits back; False when the round had been refunded before."""


class Promotions(Protocol):
    """Codes that give credits."""

    async def create(
        self, code: str, credit_count: int, *, max_uses: int | None, ends_at: datetime | None, actor: str
    ) -> Promotion | None:
        """Add a code; None when it is there already."""

    async def page(self, *, after: str, limit: int) -> Page[Promotion, str]:
        """Return codes in their order, behind the code `after`."""

    async def end(self, code: str, *, actor: str) -> Promotion | None:
        """End a code now and write down who did it, unless it is over; return it as it then is, None if unknown."""

    async def redeem(self, user_id: UUID, code: str) -> Redeemed | None:
        """Give a code's credits once per user, while it lasts; None for an unknown code."""


class Accounts(Protocol):
    """Credits, plan and limits of users."""

    async def find(self, user_id: UUID) -> Account:
        """Return the account; an empty one of the first plan for a user the ledger has not met."""

    async def update(self, user_id: UUID, change: AccountChange, *, actor: str) -> bool:
        """Change plan and limits; False when there is no such plan."""


class Budgets(Protocol):
    """Limits on what may be held and spent."""

    async def set(self, limit: BudgetLimit, *, actor: str) -> Budget:
        """Create a budget or change its limit; what is used stays."""

    async def find(self, *, scope: Scope | None, subject: str | None, limit: int) -> list[Budget]:
        """Return budgets by scope and subject."""

    async def delete(self, budget_id: UUID, *, actor: str) -> bool:
        """Remove a budget; False when there is none."""


class Statements(Protocol):
    """Reads of the ledger; a user sees only what is theirs."""

    async def receipt(self, job_id: UUID, user_id: UUID) -> Receipt | None:
        """Return rounds and runs of one generation as of one moment."""

    async def transactions(
        self, user_id: UUID, *, before: UUID, kinds: Sequence[str], job_id: UUID | None, limit: int
    ) -> Page[Transaction, UUID]:
        """Return transfers of these kinds newest first, below the id `before`."""

    async def usage(
        self, user_id: UUID, *, group_by: Sequence[str], start: datetime, end: datetime, limit: int
    ) -> UsageSums:
        """Sum captured minus refunded credits by group, largest first."""
