"""Stores outputs with retries: a restart of media must not lose paid outputs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pixel_errors import Conflict, Invalid, PixelError, Unavailable
from pixel_errors.backoff import backoff_s

if TYPE_CHECKING:
    from pixel_generation.application.execution.ports import Assets
    from pixel_generation.application.execution.runner import Produced
    from pixel_generation.application.ports import Randomness
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.jobs.output import Output

log = logging.getLogger(__name__)

STORE_TRIES = 20
STORE_DELAY_S = 0.2
STORE_MAX_DELAY_S = 4.0
"""About half a minute in total."""


class StorageFailed(Exception):
    """Media did not store an output after several attempts."""


async def store_output(produced: Produced, job: Job, *, assets: Assets, randomness: Randomness) -> Output | None:
    """Store with one asset id; return None when the bytes are refused for good. Raises StorageFailed."""
    asset_id = randomness.new_id()
    for tried in range(1, STORE_TRIES + 1):
        try:
            return await assets.store(produced, asset_id=asset_id, job=job)
        except (Invalid, Conflict) as rejection:
            log.warning("output_refused", extra={"reason": rejection.code})
            return None
        except PixelError as error:
            if tried == STORE_TRIES or not isinstance(error, Unavailable):
                raise StorageFailed from error
            draw = randomness.fraction()
            await asyncio.sleep(backoff_s(tried + 1, first_s=STORE_DELAY_S, longest_s=STORE_MAX_DELAY_S, draw=draw))
    raise StorageFailed
