"""The event log of a generation: its stored events and the actions of people, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.application.generations.ports import Generations
    from pixel_gateway.application.operations.ports import Records
    from pixel_gateway.domain.generation import Failure
    from pixel_gateway.domain.operations import Action

MAX_ENTRIES = 10_000
_PAGE = 1000
_ACTIONS_PAGE = 100
_MAX_ACTIONS = 1000
_OWNER_SEES = frozenset({"reason", "outcome", "credits", "round"})
"""Facts of an action that its owner sees; the others are for operators only."""


@dataclass(frozen=True)
class TimelineEntry:
    """One stored event, or one action of a person (`sequence` is None)."""

    time: datetime
    sequence: int | None
    actor: str
    """`engine`, `you` or `operator`."""
    action: str
    status: str = ""
    stage: str = ""
    progress: int | None = None
    message: str = ""
    failure: Failure | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


async def view_timeline(
    user_id: str, generation_id: str, *, generations: Generations, records: Records, completion: Completion
) -> list[TimelineEntry]:
    """Return at most MAX_ENTRIES events and the actions of a generation, oldest first; raise NotFound."""
    generation = await completion.shown(await generations.get(user_id, generation_id))
    entries: list[TimelineEntry] = []
    after = 0
    while len(entries) < MAX_ENTRIES:
        events = await generations.events(user_id, generation_id, after)
        for event in events:
            if event.sequence > generation.sequence:  # later, or not visible yet
                break
            entries.append(
                TimelineEntry(
                    event.time,
                    event.sequence,
                    "engine",
                    "status",
                    event.status,
                    event.stage,
                    event.progress,
                    event.message,
                    event.failure,
                )
            )
        if len(events) < _PAGE:
            break
        after = events[-1].sequence
    entries += [_entry(action, user_id) for action in await _actions(user_id, generation_id, records)]
    return sorted(entries, key=lambda entry: entry.time)


async def _actions(user_id: str, generation_id: str, records: Records) -> list[Action]:
    actions: list[Action] = []
    cursor = ""
    while True:
        page, cursor = await records.actions(
            user_id=user_id, generation_id=generation_id, limit=_ACTIONS_PAGE, cursor=cursor
        )
        actions += page
        if not cursor or len(actions) >= _MAX_ACTIONS:
            return actions


def _entry(action: Action, user_id: str) -> TimelineEntry:
    return TimelineEntry(
        time=action.create_time,
        sequence=None,
        actor="you" if action.actor == user_id else "operator",
        action=action.action,
        facts={name: value for name, value in action.metadata.items() if name in _OWNER_SEES},
    )
