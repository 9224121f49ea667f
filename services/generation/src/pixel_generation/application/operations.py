"""What operators can see and do, bound to its ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date
    from uuid import UUID

    from pixel_generation.application.operate_queue import QueueOperator
    from pixel_generation.application.operations_ports import Actions
    from pixel_generation.application.redrive_failures import FailureDesk
    from pixel_generation.domain.statistics import GenerationStats


@dataclass(frozen=True)
class Operations:
    """Everything operators can do."""

    queue: QueueOperator
    failures: FailureDesk
    statistics: Callable[[UUID | None, date | None, date | None], Awaitable[GenerationStats]]
    actions: Actions
