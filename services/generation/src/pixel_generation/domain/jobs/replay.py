"""A job out of its events: each event holds the facts of its change, and folding them in order gives the row."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import reduce
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pixel_generation.domain.jobs.job import Adjustment, Failure, Job, Output, Priority, Stage, Status
from pixel_generation.domain.work.image import ImageWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OF_THE_EVENT = frozenset({"status", "stage", "progress", "sequence", "failure"})
"""What an event has in columns of its own."""
OF_THE_QUEUE = frozenset({"id", "hold_reason"})
"""What no event tells: the job it belongs to, and where the job waits at the moment."""
FACTS = tuple(field.name for field in fields(Job) if field.name not in OF_THE_EVENT | OF_THE_QUEUE)
_facts_in = attrgetter(*FACTS)

FORMER_NAMES = {"lane": "queue", "work": "work", "kind": "kind", "images": "outputs"}
"""Fields by the names that events of earlier releases give them."""

REQUIRED = frozenset(
    {"user_id", "set_id", "work", "queue", "cost_credits", "created_at", "deadline_at", "scheduled_at"}
)
"""Facts that the first event must have."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event with its facts, as it is stored."""

    job_id: UUID
    sequence: int
    status: Status
    stage: Stage
    progress: int
    failure: Failure | None
    facts: Mapping[str, Any]


class NotReplayable(ValueError):
    """The events are no gapless sequence from the first one."""


def facts_of(before: Job, after: Job) -> dict[str, Any]:
    """Return what changed beside the columns of the event, in words of JSON."""
    changes = zip(FACTS, _facts_in(before), _facts_in(after), strict=True)
    return {name: _told(new) for name, old, new in changes if new is not old and new != old}


def fold(events: Sequence[RecordedEvent]) -> Job:
    """Return the job that these events made, from the first to the last; raise NotReplayable."""
    if not events or [event.sequence for event in events] != list(range(1, len(events) + 1)):
        raise NotReplayable("the events do not count up from 1")
    first, *later = events
    read = _read(first.facts)
    if missing := REQUIRED - set(read):
        raise NotReplayable(f"the first event lacks {', '.join(sorted(missing))}")
    return reduce(_applied, later, _applied(Job(id=first.job_id, **read), first))


def _applied(job: Job, event: RecordedEvent) -> Job:
    return replace(
        job,
        **_read(event.facts),
        status=event.status,
        stage=event.stage,
        progress=event.progress,
        sequence=event.sequence,
        failure=event.failure,
    )


def _told(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return value.hex
        case ImageWork():
            return value.as_dict()
        case tuple():
            return [{name: _told(getattr(item, name)) for name in item.__slots__} for item in value]
        case _:
            return value


def _read(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as fields of a job; names that are none are left out."""
    named = {FORMER_NAMES.get(name, name): value for name, value in facts.items()}
    return {name: _read_one(name, value) for name, value in named.items() if name in FACTS}


def _read_one(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    return value if reader is None or value is None else reader(value)


def _outputs(items: Sequence[Mapping[str, Any]]) -> tuple[Output, ...]:
    return tuple(Output(**{**item, "asset_id": UUID(item["asset_id"])}) for item in items)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("user_id", "set_id", "api_key_id"), UUID),
    **dict.fromkeys(
        (
            "created_at",
            "deadline_at",
            "scheduled_at",
            "started_at",
            "ended_at",
            "cancel_at",
            "cancel_requested_at",
            "start_after",
            "start_before",
        ),
        datetime.fromisoformat,
    ),
    "work": lambda value: ImageWork(**value),
    "outputs": _outputs,
    "adjustments": lambda items: tuple(Adjustment(**item) for item in items),
    "priority": Priority,
}
