"""Waits for the pictures of a generation, for clients that expect one response."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded

from pixel_gateway.application.generations.made_images import MadeImages
from pixel_gateway.domain.generation import Status

if TYPE_CHECKING:
    from pixel_gateway.application.generations.ports import Generations
    from pixel_gateway.application.images.ports import Media
    from pixel_gateway.application.live.hub import Hub
    from pixel_gateway.domain.generation import Generation


class GenerationPending(DeadlineExceeded):
    """The pictures are not ready yet; the generation continues and can be followed by its id."""

    reason = "GENERATION_PENDING"


async def await_images(
    generation: Generation, *, wait_s: float, generations: Generations, hub: Hub, media: Media
) -> MadeImages:
    """Return the ended generation; raise GenerationPending after wait_s. The job is durable either way."""
    try:
        async with asyncio.timeout(wait_s):
            if not await has_ended(generation, hub=hub):
                raise GenerationPending
            ended = await generations.get(generation.user_id, generation.id)
            asset_ids = [output.asset_id for output in ended.outputs]
            addresses = await media.addresses(asset_ids) if ended.status is Status.COMPLETED else {}
    except TimeoutError:
        raise GenerationPending from None
    return MadeImages(ended, addresses)


async def has_ended(generation: Generation, *, hub: Hub) -> bool:
    """Watch until the generation has ended; False when the watch ends before."""
    async with aclosing(hub.watch(generation.user_id, generation.id)) as updates:
        async for update in updates:
            if update.progress.status.is_final:
                return True
    return False
