"""The models people can ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pixel_generation.domain.errors import ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `1536x1024`; ValueError when it is not two positive numbers."""
        width, _, height = text.partition("x")
        if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
            raise ValueError(f"not a size: {text!r}")
        return cls(int(width), int(height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Model:
    """One row of the catalogue."""

    id: str
    provider: str
    provider_model: str
    display_name: str
    lane: str
    credits_per_image: int
    ratios: Mapping[str, Size]
    """Accepted aspect ratios in catalogue order, the first is the default, each with the size made for it."""
    extra_sizes: tuple[Size, ...] = ()
    styles: tuple[str, ...] = ()
    """Accepted presets; empty means any word."""
    qualities: tuple[str, ...] = ()
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Accepted provider options, each with its accepted words."""
    aliases: tuple[str, ...] = ()
    max_images: int = 10
    typical_seconds: float = 10.0
    """Expected run time until the lane has measured its own."""

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Every accepted size, without repetition."""
        return tuple(dict.fromkeys((*self.ratios.values(), *self.extra_sizes)))


class Catalogue:
    """The enabled models by id and alias, and which of them can run here."""

    def __init__(self, models: Sequence[Model], *, default: str, providers: frozenset[str]) -> None:
        self.models = tuple(models)
        self._default = default
        self._providers = providers
        self._by_name = {alias: model for model in models for alias in model.aliases}
        self._by_name |= {model.id: model for model in models}

    def find(self, name: str) -> Model:
        """Return the model of this id or alias, the default one for the empty name; raise ModelNotFound."""
        model = self._by_name.get(name or self._default)
        if model is None:
            accepted = ", ".join(model.id for model in self.models)
            raise ModelNotFound(
                f"There is no model {name[:100]!r}. Accepted models: {accepted}.", metadata={"accepted": accepted}
            )
        return model

    def names(self) -> frozenset[str]:
        """Every id and alias."""
        return frozenset(self._by_name)

    def is_available(self, model: Model) -> bool:
        return model.provider in self._providers

    def lanes(self) -> frozenset[str]:
        """Lanes of the models that can run here."""
        return frozenset(model.lane for model in self.models if self.is_available(model))
