"""Reads generations with their visible state, from the cache while the generation service is unreachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Unavailable

from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.application.generations.ports import Generations, HistoryQuery, LastStatus
    from pixel_gateway.domain.generation import Generation, Progress


async def view_generation(
    user_id: str, generation_id: str, *, generations: Generations, completion: Completion
) -> Generation:
    """Return one generation with its visible state; raise NotFound."""
    return await completion.shown(await generations.get(user_id, generation_id))


async def list_generations(
    query: HistoryQuery, *, generations: Generations, completion: Completion
) -> tuple[list[Generation], str]:
    """Return a page with visible states, newest first, and the cursor of the next one."""
    page, next_cursor = await generations.page(query)
    return await completion.all_shown(page), next_cursor


async def view_progress(
    user_id: str, generation_id: str, *, generations: Generations, completion: Completion, last_status: LastStatus
) -> Generation | Progress:
    """Return the generation, or its cached progress while the generation service is unreachable; raise NotFound."""
    try:
        return await view_generation(user_id, generation_id, generations=generations, completion=completion)
    except (Unavailable, DeadlineExceeded):
        known = await last_status.get(generation_id)
        if known is None or known.user_id != user_id:
            raise
        return await completion.shown(known)


async def list_events(
    user_id: str, generation_id: str, after: int, *, generations: Generations, completion: Completion
) -> list[Progress]:
    """Return the visible stored events after a sequence number, oldest first; raise NotFound."""
    events = await generations.events(user_id, generation_id, after)
    if not events or (last := events[-1]).status is not Status.COMPLETED:
        return events
    return events if await completion.is_readable(last.set_id, last.user_id) else events[:-1]
