"""Grants, corrections and promotions in PostgreSQL; holds and settlements are written with the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, execute, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import new_id

from pixel_generation.application.billing.ports import Adjusted, Redeemed
from pixel_generation.application.reading.page import Page
from pixel_generation.domain.billing.credits import Capture
from pixel_generation.domain.billing.promotions import Promotion

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

LEDGER = load_queries("pixel_generation.sql", "ledger.sql")
PROMOTIONS = load_queries("pixel_generation.sql", "promotions.sql")


class PostgresLedger:
    """Grants and corrections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        parameters = {
            "transfer_id": new_id(),
            "user_id": user_id,
            "credits": credit_count,
            "grant_id": grant_id,
            "memo": reason,
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, LEDGER["grant_credits"], parameters)
        assert row is not None
        return row["granted"], row["available"]

    async def adjust(
        self, user_id: UUID, credits_added: int, *, adjustment_id: str, reason: str, actor: str
    ) -> Adjusted:
        parameters = {
            "transfer_id": new_id(),
            "user_id": user_id,
            "credits": credits_added,
            "adjustment_id": adjustment_id,
            "reason": reason,
            "actor": actor,
        }
        async with self._pool.transaction() as conn:
            await execute(conn, LEDGER["lock_account"], {"user_id": user_id})
            row = await fetch_one(conn, LEDGER["adjust_credits"], parameters)
        assert row is not None
        return Adjusted(row["adjusted"], row["was_adjusted"], row["was_other"], row["available"])

    async def find_capture(self, job_id: UUID) -> Capture | None:
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, LEDGER["find_capture"], {"job_id": job_id})
        return None if row is None else Capture(**row)

    async def refund(self, job_id: UUID, capture: Capture, credits_back: int, *, reason: str, actor: str) -> bool:
        parameters = {
            "transfer_id": new_id(),
            "job_id": job_id,
            "user_id": capture.user_id,
            "round": capture.round,
            "credits": credits_back,
            "reason": reason,
            "actor": actor,
        }
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, LEDGER["refund_round"], parameters) is not None


class PostgresPromotions:
    """Promotion codes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, code: str, credit_count: int, *, max_uses: int | None, ends_at: datetime | None, actor: str
    ) -> Promotion | None:
        parameters = {
            "code": code,
            "credits": credit_count,
            "max_uses": max_uses,
            "ends_at": ends_at,
            "actor": actor,
            "action_id": new_id(),
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, PROMOTIONS["create_promotion"], parameters)
        return None if row is None else Promotion(**row)

    async def page(self, *, after: str, limit: int) -> Page[Promotion, str]:
        parameters = {"after": after, "limit": limit + 1}
        async with self._pool.autocommit() as conn:
            found = [Promotion(**row) for row in await fetch_all(conn, PROMOTIONS["list_promotions"], parameters)]
        return Page(found[:limit], found[limit - 1].code if len(found) > limit else None)

    async def end(self, code: str, *, actor: str) -> Promotion | None:
        parameters = {"action_id": new_id(), "code": code, "actor": actor}
        async with self._pool.transaction() as conn:
            if await fetch_one(conn, PROMOTIONS["lock_promotion"], {"code": code}) is None:
                return None
            row = await fetch_one(conn, PROMOTIONS["end_promotion"], parameters)
        assert row is not None
        return Promotion(**row)

    async def redeem(self, user_id: UUID, code: str) -> Redeemed | None:
        parameters = {"transfer_id": new_id(), "user_id": user_id, "code": code}
        async with self._pool.transaction() as conn:
            if await fetch_one(conn, PROMOTIONS["lock_promotion"], {"code": code}) is None:
                return None
            row = await fetch_one(conn, PROMOTIONS["redeem_promotion"], parameters)
        assert row is not None
        return Redeemed(row["credits"], row["redeemed"], row["was_redeemed"], row["available"])
