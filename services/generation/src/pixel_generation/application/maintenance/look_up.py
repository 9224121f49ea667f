"""Looks up calls with an unknown outcome at their providers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pixel_generation.application.maintenance.change_jobs import BATCH, change_each, write_changes
from pixel_generation.application.ports import Writer
from pixel_generation.domain.errors import ModelNotFound
from pixel_generation.domain.jobs.recovery import after_lookup
from pixel_generation.domain.providers.provider import Outcome, ProviderError

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.change_jobs import ChangeTools
    from pixel_generation.application.maintenance.ports import Reconciling

log = logging.getLogger(__name__)

DUTY = "look_up"


async def look_up_unknown_calls(*, tools: ChangeTools) -> int:
    """Resolve calls of providers that support it; return how many jobs changed."""

    async def look_up(call: Reconciling) -> bool:
        outcome = await _outcome_of(call, tools)
        changes = after_lookup(call.job, outcome, policy=tools.policy, now=tools.clock.now())
        return await write_changes(call.job, changes, Writer.TIMEOUT, "looked_up", tools)

    found = await tools.due.reconciling(BATCH)
    tools.engine_observer.reconciling(len(found.rows))
    return await change_each(DUTY, found, look_up, id_of=lambda call: call.job.id, tools=tools)


async def _outcome_of(call: Reconciling, tools: ChangeTools) -> Outcome:
    try:
        model = (await tools.catalogue.current()).find(call.job.work.model)
    except ModelNotFound:
        return Outcome.UNKNOWN
    lookup = tools.lookups.get(model.provider)
    if lookup is None:
        return Outcome.UNKNOWN
    try:
        return await lookup.look_up(
            generation_id=f"gen_{call.job.id.hex}",
            attempt=call.job.attempt,
            provider_request_id=call.provider_request_id,
        )
    except ProviderError as error:
        log.warning("lookup_failed", extra={"job_id": call.job.id.hex, "reason": error.failure_code})
        return Outcome.UNKNOWN
