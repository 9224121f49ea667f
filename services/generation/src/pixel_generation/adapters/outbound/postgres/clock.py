"""The clock of the database server, common to all processes of the service."""

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
    """Returns the server's time, advanced by the monotonic clock, so a wrong system clock ends no job early.

    Before the first read it is the system time.
    """

    def __init__(self, pool: Pool, system: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._told, self._told_at_s = system.now(), monotonic()

    def now(self) -> datetime:
        return self._told + timedelta(seconds=self._monotonic() - self._told_at_s)

    async def look(self) -> None:
        """Read the server's time; a slow or failed read changes nothing."""
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
