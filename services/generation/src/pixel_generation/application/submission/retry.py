"""Retries ended generations of a user."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_generation.application.operations.ports import Action
from pixel_generation.application.submission.owned_jobs import find_named
from pixel_generation.application.submission.submit import Accepted
from pixel_generation.domain.errors import IllegalTransition, RetryNotPossible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from pixel_generation.application.operations.ports import Actions
    from pixel_generation.application.ports import Clock, Randomness
    from pixel_generation.application.submission.ports import OwnedJobs
    from pixel_generation.domain.jobs.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryTools:
    """Ports of a retry."""

    owned: OwnedJobs
    resubmit: Callable[[Sequence[Job]], Awaitable[list[Job | PixelError]]]
    actions: Actions
    clock: Clock
    randomness: Randomness


async def retry_generations(
    user_id: UUID, job_ids: Sequence[UUID], *, tools: RetryTools
) -> list[Accepted | PixelError]:
    """Start a new round of each job, in order; an open job is returned unchanged.

    Raises Invalid, or GenerationNotFound when one is not the user's, before any is changed.
    """
    found = await find_named(user_id, job_ids, tools.owned)
    results = await asyncio.gather(*(_retry(job, user_id, tools) for job in found.values()))
    decided = dict(zip(found, results, strict=True))
    return [decided[job_id] for job_id in job_ids]


async def _retry(job: Job, user_id: UUID, tools: RetryTools) -> Accepted | PixelError:
    """Queue an ended job again, also when it was retried and cancelled meanwhile."""
    while job.can_be_retried:
        (outcome,) = await tools.resubmit([job])
        if not isinstance(outcome, PixelError):
            await _record(outcome, tools)
            return Accepted(job.id, outcome)
        if not isinstance(outcome, IllegalTransition):
            return outcome
        current = (await tools.owned.find_owned([job.id], user_id)).get(job.id)
        if current is None or current.sequence == job.sequence:
            return outcome
        job = current
    return RetryNotPossible(metadata={"status": job.status.value}) if job.status.is_final else Accepted(job.id, None)


async def _record(job: Job, tools: RetryTools) -> None:
    """Record the action. A failure to record it is ignored: the events of the job show the new round."""
    try:
        await tools.actions.record(_action(job, tools))
    except PixelError as error:
        log.warning("action_not_recorded", extra={"reason": error.code})


def _action(job: Job, tools: RetryTools) -> Action:
    return Action(
        id=tools.randomness.new_id(),
        actor=f"usr_{job.user_id.hex}",
        action="retry",
        created_at=tools.clock.now(),
        user_id=job.user_id,
        job_id=job.id,
        metadata={"round": job.round},
    )
