"""The users' reads of credits: receipts, transfers and usage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import GET_USAGE_REQUEST_GROUP_BY_MAX_ITEMS as MAX_DIMENSIONS

from pixel_generation.application.reading.page import FIRST, Page
from pixel_generation.domain.billing.statement import USAGE_DIMENSIONS, USER_TRANSFERS, Transaction, is_usage_dimension
from pixel_generation.domain.errors import GenerationNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.billing.ports import Statements, UsageSums
    from pixel_generation.application.ports import Clock
    from pixel_generation.domain.billing.receipt import Receipt

DEFAULT_PERIOD = timedelta(days=30)
MAX_TRANSACTIONS = 1_000
MAX_GROUPS = 10_000


@dataclass(frozen=True, slots=True)
class ListTransactions:
    """Filter of transfers; empty and None mean all."""

    user_id: UUID
    kind: str = ""
    job_id: UUID | None = None
    before: UUID = FIRST
    limit: int = 50


@dataclass(frozen=True, slots=True)
class SumUsage:
    """Fields to group by, and the period, by default the last 30 days."""

    user_id: UUID
    group_by: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None


async def get_receipt(job_id: UUID, user_id: UUID, *, statements: Statements) -> Receipt:
    """Return the receipt of one generation; raise GenerationNotFound."""
    receipt = await statements.receipt(job_id, user_id)
    if receipt is None:
        raise GenerationNotFound
    return receipt


async def list_transactions(query: ListTransactions, *, statements: Statements) -> Page[Transaction, UUID]:
    """Return a page of transfers, newest first; raise Invalid."""
    if not 1 <= query.limit <= MAX_TRANSACTIONS:
        raise _invalid("limit", f"A page has 1 to {MAX_TRANSACTIONS} transactions.")
    if query.kind and query.kind not in USER_TRANSFERS:
        raise _invalid("kind", f"The kind is one of {', '.join(USER_TRANSFERS)}.")
    kinds = (query.kind,) if query.kind else USER_TRANSFERS
    return await statements.transactions(
        query.user_id, before=query.before, kinds=kinds, job_id=query.job_id, limit=query.limit
    )


async def sum_usage(query: SumUsage, *, statements: Statements, clock: Clock) -> UsageSums:
    """Sum the charges of a period; raise Invalid."""
    if not 1 <= len(query.group_by) <= MAX_DIMENSIONS or not all(map(is_usage_dimension, query.group_by)):
        words = ", ".join((*USAGE_DIMENSIONS, "metadata.<key>"))
        raise _invalid("groupBy", f"Usage is grouped by 1 to {MAX_DIMENSIONS} of {words}.")
    end = query.end or clock.now()
    start = query.start or end - DEFAULT_PERIOD
    if start >= end:
        raise _invalid("from", "The period ends before it begins.")
    sums = await statements.usage(query.user_id, group_by=query.group_by, start=start, end=end, limit=MAX_GROUPS)
    if not sums.complete:
        raise _invalid("from", "The period holds more transactions than one answer sums; ask for a shorter one.")
    return sums


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
