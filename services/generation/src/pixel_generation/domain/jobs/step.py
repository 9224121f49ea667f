"""Durable steps of a run, which later runs do not repeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.domain.jobs.attempt import CallRecord


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the runs of a round; a finished one does not change."""

    key: str
    """Key given by its kind, unique within the round."""
    is_finished: bool
    output: Mapping[str, Any] = field(default_factory=dict)
    """Its output; before it is finished, the data to continue it, such as the id of a task."""
    call: CallRecord | None = None
    """Its call record; None without a provider call."""
