"""Bulk calls, with their daily limit."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from pixel_gateway.domain.billing import BULK_CALLS_A_DAY, BulkLimitReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_errors import PixelError

    from pixel_gateway.application.generations.ports import Accepted, BulkCalls, Cancelled, JobCommands
    from pixel_gateway.application.ports import Clock


async def cancel_many(
    user_id: str, ids: Sequence[str], *, job_commands: JobCommands, bulk_calls: BulkCalls, clock: Clock
) -> list[Cancelled | PixelError]:
    """Cancel each; raise BulkLimitReached, NotFound when one is not the user's."""
    await _count(user_id, bulk_calls, clock)
    return await job_commands.cancel(user_id, ids)


async def retry_many(
    user_id: str, ids: Sequence[str], *, job_commands: JobCommands, bulk_calls: BulkCalls, clock: Clock
) -> list[Accepted | PixelError]:
    """Retry each ended one; raise BulkLimitReached, NotFound when one is not the user's."""
    await _count(user_id, bulk_calls, clock)
    return await job_commands.retry(user_id, ids)


async def _count(user_id: str, bulk_calls: BulkCalls, clock: Clock) -> None:
    now = clock.now()
    if not await bulk_calls.count(user_id, now.date(), BULK_CALLS_A_DAY):
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        raise BulkLimitReached(retry_after_s=(midnight - now).total_seconds())
