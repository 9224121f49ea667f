"""Accounts and budgets in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import new_id

from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.billing.credits import Account, Balance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from pixel_generation.application.billing.ports import AccountChange

ACCOUNTS = load_queries("pixel_generation.sql", "accounts.sql")
BUDGETS = load_queries("pixel_generation.sql", "budgets.sql")


class PostgresAccounts:
    """Credits, plan and limits of users."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, user_id: UUID) -> Account:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ACCOUNTS["get_account"], {"user_id": user_id})
        assert row is not None
        return Account(
            balance=Balance(row["available"], row["held"]),
            plan=row["plan"],
            daily_limit=row["daily_limit"],
            spent_today=row["spent_today"],
            reset_at=row["reset_at"],
            open_jobs=row["open_jobs"],
            max_open_jobs=row["max_open_jobs"],
        )

    async def update(self, user_id: UUID, change: AccountChange, *, actor: str) -> bool:
        parameters = {
            "user_id": user_id,
            "plan": change.plan,
            "daily_limit": _own(change.daily_limit),
            "sets_daily_limit": change.daily_limit is not None,
            "max_running": _own(change.max_running),
            "sets_max_running": change.max_running is not None,
            "actor": actor,
            "action_id": new_id(),
        }
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, ACCOUNTS["update_account"], parameters) is not None


class PostgresBudgets:
    """Budgets: limits on held and spent amounts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def set(self, limit: BudgetLimit, *, actor: str) -> Budget:
        parameters = {
            "id": new_id(),
            "scope": limit.scope.value,
            "subject": limit.subject,
            "period": limit.period.value,
            "unit": limit.unit.value,
            "limit_amount": limit.limit_amount,
            "actor": actor,
            "action_id": new_id(),
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, BUDGETS["set_budget"], parameters)
        assert row is not None
        return _budget(row)

    async def find(self, *, scope: Scope | None, subject: str | None, limit: int) -> list[Budget]:
        parameters = {"scope": scope and scope.value, "subject": subject, "limit": limit}
        async with self._pool.autocommit() as conn:
            return [_budget(row) for row in await fetch_all(conn, BUDGETS["list_budgets"], parameters)]

    async def delete(self, budget_id: UUID, *, actor: str) -> bool:
        parameters = {"id": budget_id, "actor": actor, "action_id": new_id()}
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, BUDGETS["delete_budget"], parameters) is not None


def _own(value: int | None) -> int | None:
    """Return the account's own limit; a negative one means the plan's limit."""
    return None if value is None or value < 0 else value


def _budget(row: Mapping[str, Any]) -> Budget:
    limit = BudgetLimit(
        Scope(row["scope"]), row["subject"], Period(row["period"]), Unit(row["unit"]), row["limit_amount"]
    )
    return Budget(row["id"], limit, row["used"], row["period_start"] if limit.period is not Period.TOTAL else None)
