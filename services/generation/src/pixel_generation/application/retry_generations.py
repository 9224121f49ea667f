"""Run ended generations of a user again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, PixelError, Violation

from pixel_generation.application.operations_ports import Action
from pixel_generation.application.submit_generations import Accepted
from pixel_generation.domain.errors import GenerationNotFound, IllegalTransition, RetryNotPossible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from pixel_generation.application.engine_ports import OwnedJobs
    from pixel_generation.application.operations_ports import Actions
    from pixel_generation.application.ports import Clock, Randomness
    from pixel_generation.application.resubmissions import Resubmissions
    from pixel_generation.domain.job import Job

MAX_AT_ONCE = 100


@dataclass(frozen=True)
class RetryTools:
    """Collaborators of a retry."""

    owned: OwnedJobs
    resubmissions: Resubmissions
    actions: Actions
    clock: Clock
    randomness: Randomness


async def retry_generations(
    user_id: UUID, job_ids: Sequence[UUID | PixelError], *, tools: RetryTools
) -> list[Accepted | PixelError]:
    """Begin a new round of each job, in order; one that waits or runs already is answered as it is."""
    if not 1 <= len(job_ids) <= MAX_AT_ONCE:
        message = f"A call names 1 to {MAX_AT_ONCE} generations."
        raise Invalid(message, violations=(Violation("ids", message),))
    wanted = list(dict.fromkeys(job_id for job_id in job_ids if not isinstance(job_id, PixelError)))
    found = await tools.owned.find_owned(wanted, user_id)
    ended = [job for job in found.values() if job.can_be_retried]
    decided = dict(zip((job.id for job in ended), await tools.resubmissions.resubmit(ended), strict=True))
    moved = [job_id for job_id, outcome in decided.items() if isinstance(outcome, IllegalTransition)]
    found |= await tools.owned.find_owned(moved, user_id) if moved else {}
    for outcome in decided.values():
        if not isinstance(outcome, PixelError):
            await tools.actions.record(_action(outcome, tools))
    return [
        job_id if isinstance(job_id, PixelError) else _result(found.get(job_id), decided.get(job_id))
        for job_id in job_ids
    ]


def _result(job: Job | None, decided: Job | PixelError | None) -> Accepted | PixelError:
    if job is None:
        return GenerationNotFound()
    if decided is not None and not isinstance(decided, IllegalTransition):
        return decided if isinstance(decided, PixelError) else Accepted(job.id, decided)
    if job.status.is_final:
        return RetryNotPossible(metadata={"status": job.status.value})
    return Accepted(job.id, None)


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
