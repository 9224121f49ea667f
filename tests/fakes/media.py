"""The media service's ports in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pixel_media.domain.assets.asset import Asset, AssetFacts
from pixel_media.domain.errors import AssetBeingRemoved, AssetConflict
from pixel_media.domain.renditions.rendering import Derived, Rendering
from pixel_media.domain.renditions.rendition import ImageFormat, Rendition, RenditionKind
from pixel_runtime.ids import new_id

PNG = b"\x89PNG\r\n\x1a\n"


def facts_of(data: bytes, **changes: object) -> AssetFacts:
    """Return metadata that matches the bytes."""
    values = {
        "id": new_id(),
        "user_id": new_id(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
    }
    return AssetFacts(**values | changes)  # type: ignore[arg-type]


def renditions_of(facts: AssetFacts) -> list[Rendition]:
    """Return renditions as the use case passes them."""
    return [
        Rendition(kind, f"images/{kind.value}/{facts.id.hex}.webp", "image/webp", 8, 6, 40, facts.sha256)
        for kind in RenditionKind
    ]


class FakeClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, step: timedelta) -> None:
        self.time += step


class FakeRenderer:
    """Makes renditions that depend on the bytes and the encoder version."""

    def __init__(self) -> None:
        self.version = 1
        self.refuses: Exception | None = None

    async def render(self, data: bytes, image_format: ImageFormat) -> Rendering:
        if self.refuses is not None:
            raise self.refuses
        digest = hashlib.sha256(data + bytes([self.version])).digest()
        kinds = (RenditionKind.THUMBNAIL, RenditionKind.PREVIEW)
        return Rendering(8, 6, tuple(Derived(kind, kind.encode() + digest, 4, 3) for kind in kinds))


@dataclass
class _Row:
    state: str
    facts: AssetFacts | None
    begun_at: datetime
    renditions: tuple[Rendition, ...] = ()
    stored_at: datetime | None = None

    @property
    def asset(self) -> Asset:
        assert self.facts is not None
        assert self.stored_at is not None
        return Asset(self.facts, self.renditions, self.stored_at)


class FakeAssets:
    """Assets and leftovers in one table."""

    def __init__(self) -> None:
        self.rows: dict[UUID, _Row] = {}
        self._is_swept = False

    async def find(self, asset_ids: Sequence[UUID]) -> Mapping[UUID, Asset]:
        rows = {asset_id: self.rows.get(asset_id) for asset_id in asset_ids}
        return {asset_id: row.asset for asset_id, row in rows.items() if row is not None and row.state == "stored"}

    async def begin(self, facts: AssetFacts, *, at: datetime) -> Asset | None:
        row = self.rows.get(facts.id)
        if row is None:
            self.rows[facts.id] = _Row("receiving", facts, at)
            return None
        if row.facts is None or row.state == "given_up":
            raise AssetBeingRemoved
        if (row.facts.sha256, row.facts.user_id) != (facts.sha256, facts.user_id):
            raise AssetConflict
        if row.state == "stored":
            return row.asset
        row.begun_at = at
        return None

    async def finish(self, facts: AssetFacts, renditions: Sequence[Rendition], *, at: datetime) -> Asset:
        row = self.rows.get(facts.id)
        if row is None or row.state == "given_up":
            raise AssetBeingRemoved
        if row.state == "receiving":
            row.state, row.renditions, row.stored_at = "stored", tuple(renditions), at
        return row.asset

    async def usage(self) -> Mapping[str, int]:
        stored = [row for row in self.rows.values() if row.state == "stored"]
        return {"image": sum(rendition.size_bytes for row in stored for rendition in row.renditions), "video": 0}

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[bool]:
        if self._is_swept:
            yield False
            return
        self._is_swept = True
        try:
            yield True
        finally:
            self._is_swept = False

    async def give_up_stale(self, *, begun_before: datetime, limit: int) -> Sequence[UUID]:
        stale = [
            asset_id
            for asset_id, row in self.rows.items()
            if row.state == "given_up" or (row.state == "receiving" and row.begun_at < begun_before)
        ][:limit]
        for asset_id in stale:
            self.rows[asset_id].state = "given_up"
        return stale

    async def give_up_unknown(self, asset_ids: Sequence[UUID], *, at: datetime) -> Sequence[UUID]:
        unknown = [asset_id for asset_id in asset_ids if asset_id not in self.rows]
        for asset_id in unknown:
            self.rows[asset_id] = _Row("given_up", None, at)
        return unknown

    async def forget(self, asset_ids: Sequence[UUID]) -> None:
        for asset_id in asset_ids:
            if asset_id in self.rows and self.rows[asset_id].state == "given_up":
                del self.rows[asset_id]
