"""Images from a text."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pixel_generation.domain.jobs.job import Stage
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE
from pixel_generation.domain.work.image_fit import fit, violations
from pixel_generation.domain.work.work import Fit, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixel_errors import Violation

    from pixel_generation.domain.routing.catalogue import Model

CALLED, FIRST, LAST = 50, 60, 95
"""Percent once the provider is called, and the range in which images are delivered."""


@dataclass(frozen=True, slots=True)
class ImageWork:
    """A request for images; empty values mean the model's default."""

    kind: ClassVar[str] = "image"
    needs: ClassVar[str] = TEXT_TO_IMAGE
    is_durable: ClassVar[bool] = False

    prompt: str
    model: str = ""
    number_of_images: int = 1
    style: str = ""
    quality: str = ""
    aspect_ratio: str = ""
    size: str = ""
    custom_prompt: str = ""
    seed: int | None = None
    private: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return self.number_of_images

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS}

    def fingerprint(self) -> bytes:
        return digest(self.as_dict())

    def redacted(self) -> dict[str, Any]:
        """Return the fields without prompt, custom prompt, style and values of options."""
        return {
            "model": self.model,
            "numberOfImages": self.number_of_images,
            "quality": self.quality,
            "aspectRatio": self.aspect_ratio,
            "size": self.size,
            "private": self.private,
            "promptCharacters": len(self.prompt),
            "customPromptCharacters": len(self.custom_prompt),
            "parameters": sorted(self.parameters),
        }

    def violations(self) -> Iterable[Violation]:
        return violations(self)

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        return fit(self, model, adjust=adjust)

    def moved_to(self, model: Model) -> ImageWork:
        """Drop a seed that the model does not support: a requested one would have excluded the model."""
        return self if model.takes_seed else replace(self, seed=None)

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> ImageWork:
        return replace(self, seed=draw_seed()) if self.seed is None and model.takes_seed else self

    def progress(self, delivered: int) -> int:
        return min(FIRST + 35 * delivered // self.number_of_images, LAST) if delivered else CALLED

    def step(self, stage: Stage, delivered: int) -> str:
        match stage:
            case Stage.STARTING:
                return f"Making {self.number_of_images} image{'s' if self.number_of_images > 1 else ''}"
            case Stage.UPLOADING:
                return f"Uploading to storage ({delivered} of {self.number_of_images})"
            case _:
                return "AI is generating your images"


_FIELDS = tuple(each.name for each in fields(ImageWork))
