"""What the gateway needs of the engine: changes to generations, money, queues and failed work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from pixel_errors import PixelError

    from pixel_gateway.application.ports import Accepted, Submission
    from pixel_gateway.domain.account import AccountChange, Balance
    from pixel_gateway.domain.billing import (
        Adjusted,
        Budget,
        Promotion,
        Quote,
        Receipt,
        ReconcileCheck,
        Redeemed,
        Refunded,
        Transaction,
        TransactionQuery,
        Usage,
        UsageQuery,
    )
    from pixel_gateway.domain.generation import Generation
    from pixel_gateway.domain.operations import (
        Action,
        FailureFilter,
        FailurePage,
        Processed,
        Queue,
        QueueChange,
        QueueStatus,
        Redrive,
        Redriven,
        Stats,
    )


class CancelOutcome(StrEnum):
    """What became of a cancellation and of the money."""

    FREE = "free"
    PARTIAL = "partial"
    TOO_LATE = "too_late"
    PENDING = "pending"


@dataclass(frozen=True)
class Cancelled:
    """Answer to a cancellation: its outcome and the generation after it."""

    outcome: CancelOutcome
    generation: Generation


class JobCommands(Protocol):
    """Changes to generations that were accepted. Every call raises Unavailable while the service is away."""

    async def cancel(self, user_id: str, ids: Sequence[str]) -> list[Cancelled | PixelError]:
        """Cancel each on its own; results stand in the order of the ids, which are at most 100."""

    async def retry(self, user_id: str, ids: Sequence[str]) -> list[Accepted | PixelError]:
        """Queue each ended one again; results stand in the order of the ids, which are at most 100."""

    async def receipt(self, user_id: str, generation_id: str) -> Receipt:
        """Return what a generation cost; raise NotFound."""

    async def quote(self, submission: Submission) -> Quote:
        """Price a submission without making it; raise why it could not be."""


class LedgerReads(Protocol):
    """What a user can read of the ledger, and promotion codes."""

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""

    async def usage(self, query: UsageQuery) -> Usage:
        """Return sums of captured credits by group."""

    async def redeem(self, user_id: str, code: str) -> Redeemed:
        """Give the credits of a promotion code, once per user; raise NotFound for an unknown code."""


class Budgets(Protocol):
    """Limits on what may be held and spent."""

    async def put(self, budget: Budget, actor: str) -> Budget:
        """Create or change the budget of a scope, subject, period and unit; its id and sums are ignored."""

    async def delete(self, budget_id: str, actor: str) -> None:
        """Remove a budget; raise NotFound."""

    async def of(self, scope: str = "", subject: str = "") -> list[Budget]:
        """Return budgets by scope and subject; empty words mean all."""


class Adjustments(Protocol):
    """What an admin does to money and accounts. Each is a new transfer with a reason, never a changed one."""

    async def adjust(self, user_id: str, credit_count: int, *, adjustment_id: str, reason: str, actor: str) -> Adjusted:
        """Add credits, or take them when negative; once per user and adjustment id."""

    async def refund(self, generation_id: str, credit_count: int, *, reason: str, actor: str) -> Refunded:
        """Give captured credits back, 0 for all of the last round; once per round; raise NotFound."""

    async def update_account(self, change: AccountChange) -> Balance:
        """Set plan and limits of a user."""

    async def reconcile(self) -> list[ReconcileCheck]:
        """Prove the ledger, rule by rule."""


class PromotionCodes(Protocol):
    """Codes that give credits to each user once."""

    async def create(self, promotion: Promotion, actor: str) -> Promotion:
        """Store a code and return it; its uses are ignored; raise Conflict for a code that exists."""

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Promotion], str]:
        """Return a page by code and the cursor of the next one (empty on the last)."""

    async def end(self, code: str, actor: str) -> Promotion:
        """End a code now, in any case; one that is over keeps its end; raise NotFound."""


class QueueOperations(Protocol):
    """What waits and runs."""

    async def status(self) -> QueueStatus:
        """Return what waits and runs in every queue."""

    async def process(self) -> Processed:
        """Signal the workers and sweep once."""

    async def queues(self) -> list[Queue]:
        """Return the queues by name."""

    async def update_queue(self, change: QueueChange) -> Queue:
        """Open, pause or drain a queue, or change its limits; raise NotFound."""


class FailedGenerations(Protocol):
    """Failed work, for operators."""

    async def page(self, wanted: FailureFilter, *, limit: int, cursor: str) -> FailurePage:
        """Return a page, newest first."""

    async def redrive(self, redrive: Redrive) -> Redriven:
        """Queue failures that match a filter again, or tell which it would be."""


class Records(Protocol):
    """Statistics and what people did."""

    async def stats(self, user_id: str, from_time: datetime | None, to_time: datetime | None) -> Stats:
        """Return sums over ended generations of a user; an empty id means all users."""

    async def actions(
        self, *, user_id: str = "", generation_id: str = "", limit: int, cursor: str = ""
    ) -> tuple[list[Action], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""


class BulkCalls(Protocol):
    """How many bulk calls each user made."""

    async def count(self, user_id: str, day: date, most: int) -> bool:
        """Count one call of a UTC day; return False, and count nothing, when the user has made the most."""
