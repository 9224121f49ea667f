"""Assets in PostgreSQL."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pixel_postgres import fetch_all, fetch_one, load_queries

from pixel_media.domain.assets.asset import Asset, AssetFacts
from pixel_media.domain.errors import AssetBeingRemoved, AssetConflict
from pixel_media.domain.renditions.rendition import Rendition, RenditionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pixel_postgres import Pool

ASSETS = load_queries("pixel_media.sql", "assets.sql")
_RETRY_AFTER_S = 5.0
_TYPES = ("image", "video")


class PostgresAssets:
    """Each method runs one or two statements, each its own transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, asset_ids: Sequence[UUID]) -> Mapping[UUID, Asset]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, ASSETS["find_renditions"], {"ids": list(asset_ids)})
        return {asset_id: _asset(list(group)) for asset_id, group in groupby(rows, itemgetter("id"))}

    async def begin(self, facts: AssetFacts, *, at: datetime) -> Asset | None:
        params = {
            "id": facts.id,
            "user_id": facts.user_id,
            "sha256": facts.sha256,
            "size_bytes": facts.size_bytes,
            "generation_id": facts.generation_id,
            "tags": list(facts.tags),
            "at": at,
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ASSETS["begin_asset"], params)
        return await self._finished_by_another(facts) if row is None else None

    async def finish(self, facts: AssetFacts, renditions: Sequence[Rendition], *, at: datetime) -> Asset:
        params = {
            "id": facts.id,
            "sha256": facts.sha256,
            "at": at,
            "kinds": [rendition.kind.value for rendition in renditions],
            "keys": [rendition.key for rendition in renditions],
            "content_types": [rendition.content_type for rendition in renditions],
            "widths": [rendition.width for rendition in renditions],
            "heights": [rendition.height for rendition in renditions],
            "sizes": [rendition.size_bytes for rendition in renditions],
            "hashes": [rendition.sha256 for rendition in renditions],
        }
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ASSETS["finish_asset"], params)
        return await self._finished_by_another(facts) if row is None else Asset(facts, tuple(renditions), at)

    async def usage(self) -> Mapping[str, int]:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, ASSETS["sum_usage"])
        return dict.fromkeys(_TYPES, 0) | {row["type"]: row["bytes"] for row in rows}

    async def _finished_by_another(self, facts: AssetFacts) -> Asset:
        """Return the asset with this id when it is the same; else raise the reason."""
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ASSETS["find_state"], {"id": facts.id})
        state = None if row is None else row["state"]
        if state == "receiving":
            raise AssetConflict
        found = (await self.find([facts.id])).get(facts.id) if state == "stored" else None
        if found is None:
            raise AssetBeingRemoved(retry_after_s=_RETRY_AFTER_S)
        found.require_same(facts)
        return found


def _asset(rows: Sequence[Mapping[str, Any]]) -> Asset:
    first = rows[0]
    facts = AssetFacts(
        id=first["id"],
        user_id=first["user_id"],
        sha256=first["sha256"],
        size_bytes=first["size_bytes"],
        generation_id=first["generation_id"],
        tags=tuple(first["tags"]),
    )
    return Asset(facts, tuple(_renditions(rows)), first["stored_at"])


def _renditions(rows: Sequence[Mapping[str, Any]]) -> Iterable[Rendition]:
    for row in rows:
        yield Rendition(
            kind=RenditionKind(row["kind"]),
            key=row["key"],
            content_type=row["content_type"],
            width=row["width"],
            height=row["height"],
            size_bytes=row["rendition_bytes"],
            sha256=row["rendition_sha256"],
        )
