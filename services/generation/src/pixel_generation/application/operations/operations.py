"""What operators can see and do, bound to its ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date
    from uuid import UUID

    from pixel_generation.application.operations.failed_jobs import FailedJobs
    from pixel_generation.application.operations.operate_queue import QueueOperator
    from pixel_generation.application.operations.ports import Actions
    from pixel_generation.domain.jobs.statistics import GenerationStats


@dataclass(frozen=True)
class Operations:
    """Everything operators can do."""

    queue: QueueOperator
    failures: FailedJobs
    statistics: Callable[[UUID | None, date | None, date | None], Awaitable[GenerationStats]]
    actions: Actions
