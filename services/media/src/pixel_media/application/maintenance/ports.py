"""Port: records of abandoned uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID


class Leftovers(Protocol):
    """Abandoned uploads. An upload marked as abandoned can no longer be finished, so its objects may be deleted."""

    def sweeping(self) -> AbstractAsyncContextManager[bool]:
        """Hold the sweep lock during the block; False when another process holds it."""

    async def give_up_stale(self, *, begun_before: datetime, limit: int) -> Sequence[UUID]:
        """Mark unfinished uploads started before this time as abandoned; return their asset ids."""

    async def give_up_unknown(self, asset_ids: Sequence[UUID], *, at: datetime) -> Sequence[UUID]:
        """Record the assets that have no record as abandoned; return their ids."""

    async def forget(self, asset_ids: Sequence[UUID]) -> None:
        """Delete the records of abandoned uploads whose objects are deleted; the ids are free again."""
