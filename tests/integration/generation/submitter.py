"""A database with the billing and submission adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from pixel_generation.adapters.outbound.postgres.accounts import PostgresAccounts, PostgresBudgets
from pixel_generation.adapters.outbound.postgres.ledger import PostgresLedger, PostgresPromotions
from pixel_generation.adapters.outbound.postgres.submissions import PostgresSubmissions
from pixel_generation.application.submission.ports import Decision, NewGeneration
from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Period, Scope, Unit
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id
from psycopg.rows import dict_row

from tests.parts import MakeDatabase


@dataclass
class Submitter:
    """The billing and submission adapters, and a connection as the owner of the tables."""

    pool: Pool
    submissions: PostgresSubmissions
    ledger: PostgresLedger
    promotions: PostgresPromotions
    accounts: PostgresAccounts
    budgets: PostgresBudgets
    admin: psycopg.AsyncConnection[dict[str, Any]]
    url: str
    """Of the service's own role."""

    async def user(self, credit_count: int = 100) -> UUID:
        user = new_id()
        await self.ledger.grant(user, credit_count, grant_id="signup", reason="")
        return user

    def new(self, user: UUID, *, images: int = 1, cost_usd_micros: int | None = None, **changes: Any) -> NewGeneration:
        now = SystemClock().now()
        work = ImageWork("a lighthouse", model="studio-sketch", number_of_images=images, size="1024x1024", seed=7)
        job = Job(
            id=new_id(),
            user_id=user,
            set_id=new_id(),
            work=work,
            queue="sketch",
            cost_credits=images,
            created_at=now,
            scheduled_at=now,
            deadline_at=now + timedelta(hours=1),
            price_id="studio-sketch/1",
        )
        return NewGeneration(replace(job, **changes), cost_usd_micros=cost_usd_micros)

    async def submit(self, *items: NewGeneration) -> list[Decision]:
        return await self.submissions.decide(items)

    async def submit_one(self, item: NewGeneration) -> Decision:
        return (await self.submissions.decide([item]))[0]

    async def budget(
        self,
        scope: Scope,
        subject: str,
        limit_amount: int,
        *,
        period: Period = Period.TOTAL,
        unit: Unit = Unit.CREDITS,
    ) -> Budget:
        return await self.budgets.set(BudgetLimit(scope, subject, period, unit, limit_amount), actor="test")

    async def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = await self.admin.execute(query, parameters)
        return await cursor.fetchall()

    async def row(self, query: str, *parameters: object) -> dict[str, Any]:
        (row,) = await self.rows(query, *parameters)
        return row

    async def run(self, statement: str, *parameters: object) -> None:
        await self.admin.execute(statement, parameters)


@asynccontextmanager
async def open_submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    database = await make_database("generation")
    admin = await psycopg.AsyncConnection.connect(
        database.admin_url, autocommit=True, options="-c search_path=generation", row_factory=dict_row
    )
    async with admin, open_pool(database.url, schema="generation", application="test") as pool:
        yield Submitter(
            pool,
            PostgresSubmissions(pool, MESSAGES),
            PostgresLedger(pool),
            PostgresPromotions(pool),
            PostgresAccounts(pool),
            PostgresBudgets(pool),
            admin,
            database.url,
        )
