"""What reading and proving the ledger needs from the outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.receipt import Receipt
    from pixel_generation.domain.billing.statement import Transaction, UsageRow


@dataclass(frozen=True, slots=True)
class UsageSums:
    """Groups of captured credits."""

    rows: list[UsageRow]
    total_credits: int
    complete: bool
    """False when more transfers fell into the period than one answer reads."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule of the ledger found."""

    name: str
    violations: int
    examples: tuple[str, ...]


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


class LedgerRules(Protocol):
    async def check(self) -> list[RuleResult]:
        """Run every rule over the whole ledger."""

    def lead(self) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process does the nightly run."""


class LedgerObserver(Protocol):
    def checked(self, rule: str, violations: int) -> None:
        """Note how many rows break a rule."""
