"""Tickets in PostgreSQL, valid at every gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_postgres import Pool, execute, fetch_one, load_queries
from pixel_runtime.ids import format_id, parse_id

from pixel_gateway.domain.ticket import Ticket

if TYPE_CHECKING:
    from datetime import datetime

QUERIES = load_queries("pixel_gateway.sql", "tickets.sql")


class PostgresTickets:
    """Tickets by the digest of their secret."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, ticket: Ticket, secret_digest: bytes) -> None:
        """Store a ticket; delete some expired ones."""
        row = {
            "secret_sha256": secret_digest,
            "account_id": parse_id("usr", ticket.user_id),
            "generation_id": parse_id("gen", ticket.generation_id) if ticket.generation_id else None,
            "expires_at": ticket.expire_time,
        }
        async with self._pool.autocommit() as conn:
            await execute(conn, QUERIES["insert_ticket"], row)

    async def take(self, secret_digest: bytes, at: datetime) -> Ticket | None:
        """Return the ticket and delete it, in one step; None when it is unknown, used or expired."""
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, QUERIES["take_ticket"], {"secret_sha256": secret_digest, "at": at})
        if row is None:
            return None
        return Ticket(
            user_id=format_id("usr", row["account_id"]),
            generation_id=format_id("gen", row["generation_id"]) if row["generation_id"] else "",
            expire_time=row["expires_at"],
        )
