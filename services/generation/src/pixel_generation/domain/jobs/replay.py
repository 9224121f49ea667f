"""Replays the events of a job: each event has the facts of its change, and applying them in order gives the row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from functools import reduce
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pixel_generation.domain.jobs import former_names
from pixel_generation.domain.jobs.job import Failure, Job, Priority, Status
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.work.adjustment import Adjustment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixel_generation.domain.work.stage import Stage
    from pixel_generation.domain.work.work import Kinds

OF_THE_EVENT = frozenset({"status", "stage", "progress", "sequence", "failure"})
"""Fields that are separate columns of an event."""
OF_THE_QUEUE = frozenset({"id", "hold_reason"})
"""Fields that are in no event: the id of the job, and its hold."""
FACTS = tuple(field.name for field in fields(Job) if field.name not in OF_THE_EVENT | OF_THE_QUEUE)
_facts_in = attrgetter(*FACTS)

REQUIRED = frozenset(
    {"user_id", "set_id", "kind", "work", "queue", "cost_credits", "created_at", "deadline_at", "scheduled_at"}
)
"""Required facts of the first event."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One stored event with its facts."""

    job_id: UUID
    sequence: int
    status: Status
    stage: Stage
    progress: int
    failure: Failure | None
    facts: Mapping[str, Any]


class NotReplayable(ValueError):
    """The events are not a gapless sequence from the first one."""


def facts_of(before: Job, after: Job) -> dict[str, Any]:
    """Return the changed fields besides the columns of the event, as JSON."""
    changes = zip(FACTS, _facts_in(before), _facts_in(after), strict=True)
    return {name: _write(name, new) for name, old, new in changes if new is not old and new != old}


def fold(events: Sequence[RecordedEvent], kinds: Kinds) -> Job:
    """Return the job of these events, from the first to the last; raise NotReplayable."""
    if not events or [event.sequence for event in events] != list(range(1, len(events) + 1)):
        raise NotReplayable("the events do not count up from 1")
    first, *later = events
    facts = former_names.facts_of(first.facts)
    if missing := REQUIRED - set(facts):
        raise NotReplayable(f"the first event lacks {', '.join(sorted(missing))}")
    kind = facts["kind"]

    def apply(job: Job, event: RecordedEvent) -> Job:
        return _applied(job, event, _read(event.facts, kind, kinds))

    return reduce(apply, later, apply(Job(id=first.job_id, **_read(facts, kind, kinds)), first))


def _applied(job: Job, event: RecordedEvent, facts: Mapping[str, Any]) -> Job:
    return replace(
        job,
        **facts,
        status=event.status,
        stage=event.stage,
        progress=event.progress,
        sequence=event.sequence,
        failure=event.failure,
    )


def _write(name: str, value: Any) -> Any:
    writer = _WRITERS.get(name)
    if writer is not None:
        return writer(value)
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return value.hex
        case _:
            return value


def _read(facts: Mapping[str, Any], kind: str, kinds: Kinds) -> dict[str, Any]:
    """Return facts as fields of a job; unknown names are omitted."""
    named = former_names.facts_of(facts)
    read = {name: _read_one(name, value) for name, value in named.items() if name in FACTS}
    return read | {"work": kinds.read(kind, named["work"])} if "work" in named else read


def _read_one(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    return value if reader is None or value is None else reader(value)


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "work": lambda work: work.as_dict(),
    "outputs": lambda outputs: [output.as_dict() for output in outputs],
    "adjustments": lambda adjustments: [asdict(adjustment) for adjustment in adjustments],
}

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
    "outputs": lambda items: tuple(map(Output.from_dict, items)),
    "adjustments": lambda items: tuple(Adjustment(**item) for item in items),
    "route": former_names.route_of,
    "priority": Priority,
}
