"""The rules of the ledger, checked in PostgreSQL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pixel_postgres import Pool, execute, fetch_one, leading, load_queries

from pixel_generation.application.maintenance.ports import RuleResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RECONCILE = load_queries("pixel_generation.sql", "reconcile.sql")
RULES = (
    "check_transfers_sum_to_zero",
    "check_accounts_sum_to_zero",
    "check_balances_equal_entries",
    "check_rounds_are_held_once",
    "check_rounds_are_settled_once",
    "check_ends_match_captures",
    "check_refunds_stay_within_captures",
    "check_open_jobs_equal_counts",
    "check_slots_taken_equal_counts",
    "check_budgets_equal_reservations",
    "check_provider_costs_equal_attempts",
    "check_jobs_are_kept_once",
)


class PostgresLedgerRules:
    """One statement per rule, each with its own snapshot."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def check(self) -> list[RuleResult]:
        return [await self._check(rule) for rule in RULES]

    async def _check(self, rule: str) -> RuleResult:
        async with self._pool.transaction() as conn:
            await execute(conn, RECONCILE["allow_long_statements"])
            row = await fetch_one(conn, RECONCILE[rule])
        assert row is not None
        return RuleResult(rule.removeprefix("check_"), row["violations"], tuple(row["examples"] or ()))

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[bool]:
        async with self._pool.autocommit() as conn, leading(conn, "pixel_generation.reconcile") as leads:
            yield leads
