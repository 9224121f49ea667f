"""Use cases of operators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pixel_generation.application import Operations
from pixel_generation.application.maintenance.duty import run_all
from pixel_generation.application.operations.failed_jobs import RedriveTools, list_failures, redrive_failures
from pixel_generation.application.operations.list_actions import list_actions
from pixel_generation.application.operations.operate_queue import process_queue, update_queue
from pixel_generation.application.operations.read_statistics import read_statistics
from pixel_generation.wiring.duties import sweep_duties

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from pixel_errors import PixelError

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters


def bind_operations(
    settings: Settings,
    adapters: Adapters,
    resubmit: Callable[[Sequence[Job], Sequence[datetime]], Awaitable[list[Job | PixelError]]],
) -> Operations:
    redriving = RedriveTools(
        adapters.failures, adapters.actions, adapters.all_jobs, resubmit, adapters.clock, adapters.randomness
    )
    return Operations(
        get_queues=adapters.queues.status,
        process_queue=partial(
            process_queue,
            signal_queues=adapters.housekeeping.signal_queues,
            sweep=partial(
                run_all,
                sweep_duties(settings, adapters),
                leadership=adapters.leadership,
                observer=adapters.duty_metrics,
            ),
        ),
        update_queue=partial(update_queue, queues=adapters.queues),
        get_statistics=partial(read_statistics, statistics=adapters.statistics, clock=adapters.clock),
        list_failures=partial(list_failures, failures=adapters.failures, set_aside=adapters.set_aside),
        redrive_failures=partial(redrive_failures, tools=redriving),
        list_actions=partial(list_actions, actions=adapters.actions),
    )
