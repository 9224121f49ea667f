"""The time of the database server, which all processes of the service share."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import PixelError
from pixel_postgres import Pool, fetch_one, load_queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pixel_runtime.clock import Clock

CLOCK = load_queries("pixel_generation.sql", "clock.sql")
LONGEST_ROUND_TRIP_S = 0.5

log = logging.getLogger(__name__)


class PostgresClock:
    """Tells the server's time, carried on by the monotonic clock: a machine whose own clock is wrong ends no job early.

    Until the first look it is the machine's time.
    """

    def __init__(self, pool: Pool, system: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._told, self._told_at_s = system.now(), monotonic()

    def now(self) -> datetime:
        return self._told + timedelta(seconds=self._monotonic() - self._told_at_s)

    async def look(self) -> None:
        """Ask the server; a slow answer or none leaves the time as it was."""
        asked_s = self._monotonic()
        try:
            async with self._pool.autocommit() as conn:
                asked_s = self._monotonic()
                row = await fetch_one(conn, CLOCK["read_clock"])
        except PixelError as error:
            log.warning("clock_not_read", extra={"reason": error.code})
            return
        answered_s = self._monotonic()
        if row is not None and answered_s - asked_s <= LONGEST_ROUND_TRIP_S:
            self._told, self._told_at_s = row["now"], (asked_s + answered_s) / 2
