"""Durable steps: what a run has done, so that the run after it does not do it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.domain.jobs.attempt import CallRecord


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the runs of a round; a finished one stays as it is."""

    key: str
    """What it is called by its kind, unique within the round."""
    is_finished: bool
    output: Mapping[str, Any] = field(default_factory=dict)
    """What it made; until it is finished, what the next run needs to go on with it, such as the id of a task."""
    call: CallRecord | None = None
    """What is known of its call to a provider; None when it makes none."""
