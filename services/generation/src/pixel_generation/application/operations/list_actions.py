"""The record of actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.operations.ports import Action, Actions
    from pixel_generation.application.reading.page import Page


@dataclass(frozen=True, slots=True)
class ListActions:
    """Up to `limit` actions, newest first, below the id `before`, about a user or a job or all."""

    user_id: UUID | None
    job_id: UUID | None
    before: UUID
    limit: int


async def list_actions(query: ListActions, *, actions: Actions) -> Page[Action, UUID]:
    """Return a page of actions."""
    return await actions.page(user_id=query.user_id, job_id=query.job_id, before=query.before, limit=query.limit)
