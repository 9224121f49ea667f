"""Use cases of users on generations."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_generation.application import Generations
from pixel_generation.application.billing.read_statement import get_receipt
from pixel_generation.application.reading.read_generations import (
    ReadTools,
    describe_accepted,
    describe_job,
    find_generation,
    list_events,
    list_generations,
    list_user_events,
)
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.application.submission.cancel import CancelTools, cancel_generations
from pixel_generation.application.submission.new_job import JobLimits
from pixel_generation.application.submission.quote import quote_generation
from pixel_generation.application.submission.retry import RetryTools, retry_generations
from pixel_generation.application.submission.submit import submit_generations
from pixel_generation.wiring.work import queue_slots

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_errors import PixelError

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters


def bind_generations(
    settings: Settings,
    adapters: Adapters,
    resubmit: Callable[[Sequence[Job]], Awaitable[list[Job | PixelError]]],
) -> Generations:
    slots = settings.max_concurrent_generations
    starts = StartEstimates(
        adapters.queue_snapshots, adapters.catalogue, slots=slots, queue_slots=queue_slots(settings)
    )
    reading = ReadTools(adapters.queries, starts, adapters.clock)
    cancelling = CancelTools(
        adapters.all_jobs, adapters.jobs, adapters.clock, adapters.job_metrics, adapters.engine_metrics
    )
    retrying = RetryTools(adapters.all_jobs, resubmit, adapters.actions, adapters.clock, adapters.randomness)
    return Generations(
        submit=partial(
            submit_generations,
            catalogue=adapters.catalogue,
            submissions=adapters.submissions,
            clock=adapters.clock,
            randomness=adapters.randomness,
            observer=adapters.submission_metrics,
            starts=starts,
            capacity=adapters.queue_capacity,
            max_wait=max_wait(settings),
            max_retries=settings.generation_max_retries,
        ),
        quote=partial(
            quote_generation,
            dry_runs=adapters.dry_runs,
            catalogue=adapters.catalogue,
            starts=starts,
            capacity=adapters.queue_capacity,
            clock=adapters.clock,
            randomness=adapters.randomness,
            limits=JobLimits(max_wait(settings), settings.generation_max_retries),
        ),
        cancel=partial(cancel_generations, tools=cancelling),
        retry=partial(retry_generations, tools=retrying),
        find=partial(find_generation, tools=reading),
        list_generations=partial(list_generations, tools=reading),
        list_events=partial(list_events, tools=reading),
        list_user_events=partial(list_user_events, tools=reading),
        describe=partial(describe_job, tools=reading),
        describe_accepted=partial(describe_accepted, tools=reading),
        get_receipt=partial(get_receipt, statements=adapters.statements),
        get_catalogue=adapters.catalogue.current,
    )


def max_wait(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.queue_timeout_s)
