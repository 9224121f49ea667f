"""Deletes expired rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import Housekeeping, SetAside
    from pixel_generation.application.ports import Clock

KEYS_KEPT = timedelta(hours=72)
PURGED_AT_ONCE = 1_000


async def purge_old_rows(*, housekeeping: Housekeeping, set_aside: SetAside, clock: Clock) -> int:
    """Delete old idempotency keys and reservations, and entries of jobs set aside that were processed since."""
    await housekeeping.purge(before=clock.now() - KEYS_KEPT, limit=PURGED_AT_ONCE)
    await set_aside.forget()
    return 0
