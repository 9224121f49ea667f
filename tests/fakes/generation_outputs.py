"""Outputs and work of the kind `image`, for tests."""

from __future__ import annotations

from uuid import UUID

from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.jobs.output import Output
from pixel_generation.domain.routing.routing import RoutedWork
from pixel_generation.domain.work.image import ImageWork


def image_output(  # noqa: PLR0917 - in the order of its fields
    asset_id: UUID,
    index: int,
    width: int = 512,
    height: int = 512,
    content_type: str = "image/png",
    size_bytes: int = 10,
    seed: int | None = None,
) -> Output:
    facts = {"width": width, "height": height, "seed": seed}
    return Output(asset_id, index, content_type, size_bytes, facts=facts)


def image_of(asked: Job | RoutedWork) -> ImageWork:
    """Return the work of a job or a route, which is of the kind `image`."""
    assert isinstance(asked.work, ImageWork)
    return asked.work
