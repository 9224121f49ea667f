"""The kinds of work that this server knows: a line here and in `runners_of` adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_generation.adapters.work.image import ImageMessages
from pixel_generation.adapters.work.messages import WorkMessages
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.domain.providers.text_to_image import TextToImage
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.work import Kinds
from pixel_generation.wiring.providers import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.domain.providers.provider import Provider

KINDS = Kinds(ImageWork)
MESSAGES = WorkMessages(ImageMessages())


def runners_of(providers: Mapping[str, Provider]) -> dict[str, Runner]:
    """Return the runner of each kind, on the providers that serve its port."""
    text_to_image = serving(TextToImage, providers)  # type: ignore[type-abstract]
    return {ImageWork.kind: ImageRunner(text_to_image)}
