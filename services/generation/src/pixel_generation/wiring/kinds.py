"""The registered kinds of work: work, codec and runner of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_generation.adapters.work.image import ImageMessages
from pixel_generation.adapters.work.messages import WorkMessages
from pixel_generation.application.execution.runners.image import ImageRunner
from pixel_generation.domain.providers.text_to_image import TextToImage
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.domain.work.work import Kinds
from pixel_generation.wiring.providers import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixel_generation.adapters.work.messages import KindMessages
    from pixel_generation.application.execution.runner import Runner
    from pixel_generation.domain.providers.provider import Provider
    from pixel_generation.domain.work.work import Work


@dataclass(frozen=True)
class Kind:
    """One kind of work: its request, its codec, and its runner on the configured providers."""

    work: type[Work]
    messages: KindMessages
    runner: Callable[[Mapping[str, Provider]], Runner]


ALL = (
    Kind(ImageWork, ImageMessages(), lambda providers: ImageRunner(serving(TextToImage, providers))),  # type: ignore[type-abstract]
)


def kinds_of(parts: Sequence[Kind]) -> Kinds:
    return Kinds(*(kind.work for kind in parts))


def messages_of(parts: Sequence[Kind]) -> WorkMessages:
    return WorkMessages(*(kind.messages for kind in parts))


def runners_of(parts: Sequence[Kind], providers: Mapping[str, Provider]) -> dict[str, Runner]:
    """Return the runner of each kind by name."""
    return {kind.work.kind: kind.runner(providers) for kind in parts}


KINDS = kinds_of(ALL)
MESSAGES = messages_of(ALL)
