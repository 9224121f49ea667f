"""Ports of the use cases of billing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixel_gateway.domain.account import AccountChange, Balance
    from pixel_gateway.domain.billing import (
        Adjusted,
        Budget,
        Promotion,
        ReconcileCheck,
        Redeemed,
        Refunded,
        Transaction,
        TransactionQuery,
        Usage,
        UsageQuery,
    )


class Billing(Protocol):
    """Credits of the generation service."""

    async def balance(self, user_id: str) -> Balance:
        """Return the user's balance."""

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        """Grant credits once per user and grant id."""


class LedgerReads(Protocol):
    """The users' reads of the ledger, and promotion codes."""

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""

    async def usage(self, query: UsageQuery) -> Usage:
        """Return sums of captured credits by group."""

    async def redeem(self, user_id: str, code: str) -> Redeemed:
        """Grant the credits of a promotion code, once per user; raise NotFound for an unknown code."""


class Budgets(Protocol):
    """Budgets: limits on held and spent amounts."""

    async def put(self, budget: Budget, actor: str) -> Budget:
        """Create or change the budget of a scope, subject, period and unit; its id and sums are ignored."""

    async def delete(self, budget_id: str, actor: str) -> None:
        """Delete a budget; raise NotFound."""

    async def of(self, scope: str = "", subject: str = "") -> list[Budget]:
        """Return budgets by scope and subject; empty values mean all."""


class Adjustments(Protocol):
    """Corrections by admins. Each is a new transfer with a reason, never a changed one."""

    async def adjust(self, user_id: str, credit_count: int, *, adjustment_id: str, reason: str, actor: str) -> Adjusted:
        """Add credits, or deduct them when negative; once per user and adjustment id."""

    async def refund(self, generation_id: str, credit_count: int, *, reason: str, actor: str) -> Refunded:
        """Refund captured credits, 0 for all of the last round; once per round; raise NotFound."""

    async def update_account(self, change: AccountChange) -> Balance:
        """Set plan and limits of a user."""

    async def reconcile(self) -> list[ReconcileCheck]:
        """Check the ledger, rule by rule."""


class PromotionCodes(Protocol):
    """Promotion codes, which grant credits to each user once."""

    async def create(self, promotion: Promotion, actor: str) -> Promotion:
        """Store a code and return it; its uses are ignored; raise Conflict for a code that exists."""

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Promotion], str]:
        """Return a page by code and the cursor of the next one (empty on the last)."""

    async def end(self, code: str, actor: str) -> Promotion:
        """End a code now; codes are case-insensitive; an ended one keeps its end; raise NotFound."""
