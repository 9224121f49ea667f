"""Receipts, statements and usage in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries

from pixel_generation.adapters.outbound.postgres.attempt_rows import attempts_of
from pixel_generation.adapters.outbound.postgres.id_ranges import highest_id_at, lowest_id_at
from pixel_generation.application.billing.ports import UsageSums
from pixel_generation.application.reading.page import Page
from pixel_generation.domain.billing.receipt import Receipt, RoundReceipt
from pixel_generation.domain.billing.statement import Transaction, UsageRow
from pixel_generation.domain.jobs.job import Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

RECEIPTS = load_queries("pixel_generation.sql", "receipts.sql")
STATEMENTS = load_queries("pixel_generation.sql", "statements.sql")

WINDOW = 10_000
MOST_USAGE_TRANSFERS = 500_000


class PostgresStatements:
    """The users' reads of the ledger."""

    def __init__(self, pool: Pool, *, window: int = WINDOW, most_usage_transfers: int = MOST_USAGE_TRANSFERS) -> None:
        self._pool = pool
        self._window = window
        self._most_usage_transfers = most_usage_transfers

    async def receipt(self, job_id: UUID, user_id: UUID) -> Receipt | None:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, RECEIPTS["get_receipt"], {"id": job_id, "user_id": user_id})
        if row is None:
            return None
        return Receipt(
            job_id=row["id"],
            status=Status(row["status"]),
            quoted=row["cost_credits"],
            price_id=row["price_id"],
            requested_units=row["units"],
            delivered_units=row["delivered_units"],
            rounds=tuple(RoundReceipt(**money) for money in row["rounds"]),
            attempts=attempts_of(row["attempts"]),
        )

    async def transactions(
        self, user_id: UUID, *, before: UUID, kinds: Sequence[str], job_id: UUID | None, limit: int
    ) -> Page[Transaction, UUID]:
        parameters: dict[str, Any] = {
            "user_id": user_id,
            "before": before,
            "kinds": list(kinds),
            "job_id": job_id,
            "window": max(self._window, limit + 1),
            "limit": limit + 1,
        }
        name = "list_transactions_of_job" if job_id else "list_transactions"
        async with self._pool.autocommit() as conn:
            found = [_transaction_of(row) for row in await fetch_all(conn, STATEMENTS[name], parameters)]
            if len(found) > limit:
                return Page(found[:limit], found[limit - 1].id)
            if job_id:
                return Page(found, None)
            end = await fetch_one(conn, STATEMENTS["find_end_of_transaction_window"], parameters)
        return Page(found, end and end["id"])

    async def usage(
        self, user_id: UUID, *, group_by: Sequence[str], start: datetime, end: datetime, limit: int
    ) -> UsageSums:
        parameters = {
            "user_id": user_id,
            "group_by": list(group_by),
            "start": start,
            "end": end,
            "first_id": lowest_id_at(start),
            "last_id": highest_id_at(end),
            "most": self._most_usage_transfers,
            "limit": limit,
        }
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, STATEMENTS["sum_usage"], parameters)
        return UsageSums(
            [UsageRow(tuple(row["words"]), row["generations"], row["outputs"], row["credits"]) for row in rows],
            total_credits=rows[0]["total_credits"] if rows else 0,
            complete=not rows or rows[0]["transfers"] <= self._most_usage_transfers,
        )


def _transaction_of(row: dict[str, Any]) -> Transaction:
    return Transaction(
        id=row["id"],
        kind=row["kind"],
        available=row["available"],
        held=row["held"],
        job_id=row["job_id"],
        round=row["round"],
        reason=row["memo"],
        created_at=row["created_at"],
    )
