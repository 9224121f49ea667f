"""The records of attempts that came to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID


class Leftovers(Protocol):
    """Attempts that came to nothing. What is given up can no longer be finished, so its objects may be deleted."""

    def sweeping(self) -> AbstractAsyncContextManager[bool]:
        """Hold the right to sweep during the block; False when another process has it."""

    async def give_up_stale(self, *, begun_before: datetime, limit: int) -> Sequence[UUID]:
        """Give up attempts that began before this time and did not finish; return their asset ids."""

    async def give_up_unknown(self, asset_ids: Sequence[UUID], *, at: datetime) -> Sequence[UUID]:
        """Give up those of the assets of which there is no record at all; return their ids."""

    async def forget(self, asset_ids: Sequence[UUID]) -> None:
        """Drop the records of given up attempts whose objects are gone; the ids are free again."""
