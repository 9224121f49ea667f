"""Sets in PostgreSQL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from pixel_events import append_outbox, first_time
from pixel_postgres import execute, execute_many, fetch_all, fetch_one, load_queries

from pixel_social.adapters.outbound.activity_events import image_generated
from pixel_social.domain.images.image import Image, ImageSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from pixel_postgres import Pool
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

CONSUMER = "social-sets"
SETS = load_queries("pixel_social.sql", "sets.sql")


class PostgresTransaction:
    """One open transaction."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def first_time(self, event_id: str) -> bool:
        return await first_time(self._connection, CONSUMER, event_id)

    async def add_set(self, image_set: ImageSet) -> bool:
        facts = {
            "id": image_set.id,
            "user_id": image_set.user_id,
            "generation_id": image_set.generation_id,
            "created_at": image_set.created_at,
        }
        if not await execute(self._connection, SETS["insert_set"], facts):
            return False
        await execute_many(self._connection, SETS["insert_image"], [asdict(image) for image in image_set.images])
        return True

    async def announce(self, image_set: ImageSet) -> None:
        await append_outbox(self._connection, [image_generated(image) for image in image_set.images])


class PostgresStore:
    """Opens transactions."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with self._pool.transaction() as connection:
            yield PostgresTransaction(connection)


class PostgresSets:
    """Reads sets."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_set(self, set_id: UUID) -> ImageSet | None:
        async with self._pool.autocommit() as connection:
            found = await fetch_one(connection, SETS["find_set"], {"id": set_id})
            if found is None:
                return None
            rows = await fetch_all(connection, SETS["list_set_images"], {"set_id": set_id})
        return ImageSet(**found, images=tuple(Image(**row) for row in rows))
