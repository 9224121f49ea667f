"""The catalogue of models."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.errors import ModelNotFound, PriceUnknown
from pixel_generation.domain.providers.breaker import BreakerState

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


@dataclass(frozen=True, slots=True)
class Price:
    """A price rule: credits per unit of this model, for this quality and size where given."""

    id: str
    model: str
    credits_per_unit: int
    cost_usd_micros: int | None = None
    """Expected provider cost per unit; None means unknown."""
    quality: str = ""
    size: str = ""

    def applies_to(self, quality: str, size: str) -> bool:
        """Return whether the rule applies to this quality and size."""
        return self.quality in {"", quality} and self.size in {"", size}


@dataclass(frozen=True)
class Model:
    """One row of the catalogue."""

    id: str
    provider: str
    provider_model: str
    display_name: str
    queue: str
    credits_per_unit: int
    """The lowest price, for display; price rules decide the price of a request."""
    ratios: Mapping[str, Size]
    """Accepted aspect ratios in catalogue order, the first is the default, each with the size made for it."""
    extra_sizes: tuple[Size, ...] = ()
    styles: tuple[str, ...] = ()
    """Accepted presets; empty means any value."""
    qualities: tuple[str, ...] = ()
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Accepted provider options, each with its accepted values."""
    aliases: tuple[str, ...] = ()
    max_units: int = 10
    typical_seconds: float = 10.0
    """Expected run time until the queue has measured its own."""
    takes_seed: bool = True
    capabilities: frozenset[str] = frozenset()
    """Capabilities of the model; its provider must implement them too."""
    prices: tuple[Price, ...] = ()

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Every accepted size, without repetition."""
        return tuple(dict.fromkeys((*self.ratios.values(), *self.extra_sizes)))


class Catalogue:
    """The enabled models by id and alias, their availability, and the states of their queues and providers."""

    def __init__(
        self,
        models: Sequence[Model],
        *,
        default: str,
        providers: Mapping[str, frozenset[str]],
        queue_states: Mapping[str, QueueState] | None = None,
        health: Mapping[str, BreakerState] | None = None,
        spent: frozenset[str] = frozenset(),
    ) -> None:
        """Take the capabilities of each provider that is configured here, queue states by queue and breaker states by
        provider; those not named are open and closed.

        `spent` names the providers with a used-up budget.
        """
        self.models = tuple(models)
        self._queue_states = queue_states or {}
        self._health = health or {}
        self._spent = spent
        self._default = default
        self._providers = providers
        self._by_name = {alias: model for model in models for alias in model.aliases}
        self._by_name |= {model.id: model for model in models}

    def find(self, name: str) -> Model:
        """Return the model of this id or alias, the default one for the empty name; raise ModelNotFound."""
        return self._find(name or self._default, self.models)

    def find_for(self, needs: str, name: str) -> Model:
        """Return the model of this id or alias among those for a capability, its default for the empty name.

        Raises ModelNotFound.
        """
        able = self.models_for(needs)
        if not name:
            name = next((model.id for model in able if model.id == self._default), able[0].id if able else "")
        return self._find(name, able)

    def models_for(self, needs: str) -> tuple[Model, ...]:
        """Return the models for a capability, in catalogue order."""
        return tuple(model for model in self.models if needs in model.capabilities)

    def _find(self, name: str, among: Sequence[Model]) -> Model:
        model = self._by_name.get(name)
        if model is None or model not in among:
            accepted = ", ".join(model.id for model in among)
            raise ModelNotFound(
                f"There is no model {name[:100]!r}. Accepted models: {accepted}.", metadata={"accepted": accepted}
            )
        return model

    def price(self, model: Model, quality: str, size: str) -> Price:
        """Return the most specific rule, the dearer of two equals; raise PriceUnknown."""
        rules = [rule for rule in model.prices if rule.applies_to(quality, size)]
        if not rules:
            raise PriceUnknown(
                f"{model.id} has no price for this request, so it cannot be run.", metadata={"model": model.id}
            )
        return max(rules, key=lambda r: (bool(r.quality) + bool(r.size), r.credits_per_unit, r.id))

    def names(self) -> frozenset[str]:
        """Every id and alias."""
        return frozenset(self._by_name)

    def is_available(self, model: Model) -> bool:
        """Return whether its provider is configured and implements a capability of the model."""
        return not model.capabilities.isdisjoint(self._providers.get(model.provider, frozenset()))

    def serves(self, model: Model, needs: str) -> bool:
        """Return whether the model's provider is configured and has the capability."""
        return needs in self._providers.get(model.provider, frozenset())

    def is_spent(self, model: Model) -> bool:
        """Return whether a budget for the model's provider is used up."""
        return model.provider in self._spent

    def queue_state(self, model: Model) -> QueueState:
        return self._queue_states.get(model.queue, QueueState.OPEN)

    def health(self, model: Model) -> BreakerState:
        """Return the state of the breaker of the model's provider."""
        return self._health.get(model.provider, BreakerState.CLOSED)

    def provider_of(self, queue: str) -> str:
        """Return the provider of the queue's models; empty for a queue without models."""
        return next((model.provider for model in self.models if model.queue == queue), "")

    def queues(self) -> frozenset[str]:
        """Queues of the available models."""
        return frozenset(model.queue for model in self.models if self.is_available(model))
