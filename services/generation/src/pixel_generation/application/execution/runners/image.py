"""The runner of images from a text: one provider call, each image delivered as it arrives."""

from __future__ import annotations

import hashlib
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from pixel_generation.application.execution.runner import Assignment, Produced, Said
from pixel_generation.domain.catalogue.catalogue import Model, Size
from pixel_generation.domain.jobs.attempt import CallRecord
from pixel_generation.domain.providers.provider import Outcome
from pixel_generation.domain.providers.text_to_image import ImageRequest, ProducedImage
from pixel_generation.domain.work.image import ImageWork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pixel_generation.domain.providers.text_to_image import TextToImage

log = logging.getLogger(__name__)


class ImageRunner:
    def __init__(self, providers: Mapping[str, TextToImage]) -> None:
        self._providers = providers

    def is_repeatable(self, model: Model) -> bool:
        provider = self._providers.get(model.provider)
        return provider is not None and provider.repeatable

    async def run(self, assignment: Assignment) -> AsyncIterator[Said]:
        work = assignment.job.work
        assert isinstance(work, ImageWork)
        provider = self._providers[assignment.model.provider]
        async with aclosing(provider.generate(_request(work, assignment))) as images:  # type: ignore[type-var]
            async for image in images:
                if image.index < work.number_of_images:
                    yield _produced(image)
                else:
                    log.warning("surplus_image", extra={"index": image.index})
                    yield _call(image)

    async def abandon(self, assignment: Assignment) -> None:
        """Do nothing: a call ends with its run."""


def _produced(image: ProducedImage) -> Produced:
    return Produced(image.index, image.data, image.content_type, facts={"seed": image.seed}, call=_call(image))


def _call(image: ProducedImage) -> CallRecord:
    return CallRecord(Outcome.SENT, image.provider_request_id, image.cost_usd_micros)


def _request(work: ImageWork, assignment: Assignment) -> ImageRequest:
    job, size = assignment.job, Size.parse(work.size)
    return ImageRequest(
        generation_id=f"gen_{job.id.hex}",
        attempt=job.attempt,
        provider_model=assignment.model.provider_model,
        prompt=f"{work.prompt}\n{work.custom_prompt}" if work.custom_prompt else work.prompt,
        count=work.number_of_images,
        width=size.width,
        height=size.height,
        style=work.style,
        quality=work.quality,
        seed=work.seed or 0,
        end_user=hashlib.sha256(job.user_id.bytes).hexdigest()[:32],
        timeout_s=max(1.0, assignment.time_left_s),
        parameters=dict(work.parameters),
    )
