"""Routing: decides which model runs a request, with which exact options.

A pure function of the request and the catalogue: the same inputs give the same result, so a quote, a submission and a
replay agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pixel_errors import Violation

from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.errors import ModelUnavailable, PriceUnknown, WorkInvalid
from pixel_generation.domain.providers.breaker import BreakerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixel_generation.domain.catalogue.catalogue import Catalogue, Model, Price
    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.work.adjustment import Adjustment
    from pixel_generation.domain.work.work import Fit, Work

AUTO = "auto"
"""Model name for the cheapest model that can run the request now."""


class Rule(StrEnum):
    """The rule that chose the model."""

    REQUESTED = "requested"
    CHEAPEST = "cheapest"
    DEFAULT = "default"


class Exclusion(StrEnum):
    """Why a model is excluded; an unsupported field is `unsupported_<field>`."""

    NOT_REQUESTED = "not_requested"
    PROVIDER_NOT_CONFIGURED = "provider_not_configured"
    PRICE_UNKNOWN = "price_unknown"
    BUDGET_EXHAUSTED = "budget_exhausted"
    COSTS_MORE = "costs_more"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    QUEUE_CLOSED = "queue_closed"
    QUEUE_PAUSED = "queue_paused"


PASSING = frozenset(
    {Exclusion.BUDGET_EXHAUSTED, Exclusion.PROVIDER_UNAVAILABLE, Exclusion.QUEUE_CLOSED, Exclusion.QUEUE_PAUSED}
)
"""Temporary reasons: when every model has only these, the request still gets a model and waits.

A budget that was spent when the catalogue was read may have been raised: the submission decides.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A considered model; `excluded_because` is empty for an eligible one."""

    model: str
    cost_credits: int | None
    excluded_because: str
    health: str


@dataclass(frozen=True, slots=True)
class Route:
    """The model of a request, and the reason."""

    model: str
    rule: Rule
    fallback_models: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that is stored with the job."""
        candidates = tuple({name: getattr(each, name) for name in each.__slots__} for each in self.candidates)
        return {name: getattr(self, name) for name in self.__slots__} | {"candidates": candidates}


@dataclass(frozen=True)
class RoutedWork:
    """Resolved work: model, price and random values."""

    work: Work
    model: Model
    price: Price
    route: Route
    adjustments: tuple[Adjustment, ...] = ()

    @property
    def cost_credits(self) -> int:
        return self.price.credits_per_unit * self.work.units

    @property
    def cost_usd_micros(self) -> int | None:
        """Expected provider cost; None means unknown."""
        return _times(self.price.cost_usd_micros, self.work.units)


def _times(each: int | None, count: int) -> int | None:
    return None if each is None else each * count


@dataclass(frozen=True)
class _Considered:
    """A model with its resolved request, price and exclusion reason."""

    model: Model
    health: BreakerState
    excluded_because: str
    fit: Fit | None = None
    price: Price | None = None

    @property
    def cost(self) -> int | None:
        if self.price is None or self.fit is None:
            return None
        return self.price.credits_per_unit * self.fit.work.units

    @property
    def can_wait(self) -> bool:
        """It has no exclusion reason, or only a temporary one."""
        return not self.excluded_because or self.excluded_because in PASSING

    def not_above(self, most: int) -> _Considered:
        """Exclude it when it costs more than this."""
        if self.excluded_because or (self.cost or 0) <= most:
            return self
        return replace(self, excluded_because=Exclusion.COSTS_MORE.value)


def route(
    work: Work,
    catalogue: Catalogue,
    draw_seed: Callable[[], int],
    *,
    adjust: bool = False,
    allow_fallback: bool = False,
) -> RoutedWork:
    """Choose the model and resolve the request.

    Raises WorkInvalid with every violation, ModelNotFound, ModelUnavailable or PriceUnknown.
    """
    submitter = _Submitter(catalogue, catalogue.models_for(work.needs))
    if work.model == AUTO:
        rule, considered = Rule.CHEAPEST, [submitter.consider(model, work, adjust=adjust) for model in submitter.models]
        _refuse_invalid(work, ())
        first = _cheapest(considered)
    else:
        rule = Rule.REQUESTED if work.model else Rule.DEFAULT
        first = submitter.consider(catalogue.find_for(work.needs, work.model), work, adjust=adjust)
        _refuse_invalid(work, first.fit.violations if first.fit else ())
        considered = [first if model is first.model else submitter.leave_out(model) for model in submitter.models]
    chosen = first
    if allow_fallback:
        considered = submitter.beside(first)
        chosen = _first_or_fallback(first, considered)
        considered = [one if one is chosen else one.not_above(chosen.cost or 0) for one in considered]
    if not chosen.can_wait:
        raise _rejection(chosen)
    fallbacks = _nearest_price_first(considered, chosen) if allow_fallback else ()
    return _routed(chosen, first, Route(chosen.model.id, rule, fallbacks, _candidates(considered)), draw_seed)


def next_route(job: Job, catalogue: Catalogue, draw_seed: Callable[[], int]) -> Job | None:
    """Return the job moved to its next fallback model that can run now; None when there is none.

    The hold stays unchanged, because a fallback never costs more; the fallback's price is charged.
    """
    submitter = _Submitter(catalogue, catalogue.models_for(job.work.needs))
    names = tuple(job.route.get("fallback_models", ()))
    by_id = {model.id: model for model in submitter.models}
    for place, name in enumerate(names):
        model = by_id.get(name)
        if model is None:
            continue
        found = submitter.consider(model, job.work.moved_to(model)).not_above(job.cost_credits)
        if found.excluded_because or found.price is None or found.fit is None:
            continue
        work = found.fit.work.drawn(model, draw_seed)
        moved = {
            **job.route,
            "model": name,
            "fallback_models": list(names[place + 1 :]),
            "credits_per_unit": found.price.credits_per_unit,
            "cost_usd_micros": _times(found.price.cost_usd_micros, work.units),
        }
        return replace(job, work=work, queue=model.queue, route=moved, price_id=found.price.id)
    return None


@dataclass(frozen=True)
class _Submitter:
    """Considers models for requests."""

    catalogue: Catalogue
    models: tuple[Model, ...]
    """The models with the capability that the work needs."""

    def consider(self, model: Model, work: Work, *, adjust: bool = False) -> _Considered:
        fitted = work.fit(model, adjust=adjust)
        try:
            price = None if fitted.violations else self.catalogue.price(model, fitted.work.quality, fitted.work.size)
        except PriceUnknown:
            price = None
        health = self.catalogue.health(model)
        return _Considered(model, health, self._exclusion(model, fitted, price), fitted, price)

    def leave_out(self, model: Model) -> _Considered:
        return _Considered(model, self.catalogue.health(model), Exclusion.NOT_REQUESTED.value)

    def beside(self, first: _Considered) -> list[_Considered]:
        """Consider every other model for exactly the first one's request, at no higher price."""
        assert first.fit is not None
        promised, most = first.fit.work, first.cost or 0
        return [
            first if model is first.model else self.consider(model, promised).not_above(most) for model in self.models
        ]

    def _exclusion(self, model: Model, fitted: Fit, price: Price | None) -> str:
        """Return the first reason; permanent reasons come before temporary ones."""
        if fitted.violations:
            return "unsupported_" + _snake(fitted.violations[0].field)
        queue = self.catalogue.queue_state(model)
        reasons = {
            Exclusion.PROVIDER_NOT_CONFIGURED: not self.catalogue.serves(model, fitted.work.needs),
            Exclusion.PRICE_UNKNOWN: price is None,
            Exclusion.BUDGET_EXHAUSTED: self.catalogue.is_spent(model),
            Exclusion.QUEUE_CLOSED: queue is QueueState.DRAINING,
            Exclusion.QUEUE_PAUSED: queue is QueueState.PAUSED,
            Exclusion.PROVIDER_UNAVAILABLE: self.catalogue.health(model) is BreakerState.OPEN,
        }
        return next((reason.value for reason, applies in reasons.items() if applies), "")


def _routed(chosen: _Considered, first: _Considered, decision: Route, draw_seed: Callable[[], int]) -> RoutedWork:
    assert chosen.fit is not None
    assert chosen.price is not None
    assert first.fit is not None
    work = chosen.fit.work.drawn(chosen.model, draw_seed)
    return RoutedWork(work, chosen.model, chosen.price, decision, first.fit.adjustments)


def _refuse_invalid(work: Work, of_model: tuple[Violation, ...]) -> None:
    violations = (*work.violations(), *of_model)
    if violations:
        raise WorkInvalid(violations[0].message, violations=violations)


def _first_or_fallback(first: _Considered, considered: list[_Considered]) -> _Considered:
    """Return the first choice unless it cannot run now and another can."""
    able = [one for one in considered if not one.excluded_because]
    if first in able or not able:
        return first
    return max(able, key=lambda one: one.cost or 0)


def _rejection(asked: _Considered) -> ModelUnavailable | PriceUnknown:
    facts = {"model": asked.model.id}
    if asked.excluded_because == Exclusion.PRICE_UNKNOWN:
        return PriceUnknown(f"{asked.model.id} has no price for this request, so it cannot be run.", metadata=facts)
    return ModelUnavailable(f"The provider of {asked.model.id} is not configured on this server.", metadata=facts)


def _cheapest(considered: list[_Considered]) -> _Considered:
    """Return the cheapest that can run now, else the cheapest with a temporary reason; unadjusted requests first."""

    def rank(one: _Considered) -> tuple[bool, bool, int]:
        changed = one.fit is not None and bool(one.fit.adjustments)
        return bool(one.excluded_because), changed, one.cost or 0

    able = sorted((one for one in considered if one.can_wait), key=rank)
    if able:
        return able[0]
    detail = (
        f"No model supports this request: {'; '.join(f'{one.model.id}: {one.excluded_because}' for one in considered)}."
    )
    if all(one.fit and one.fit.violations for one in considered):
        violations = dict.fromkeys(violation for one in considered if one.fit for violation in one.fit.violations)
        raise WorkInvalid(detail, violations=tuple(violations) or (Violation("model", detail),))
    raise ModelUnavailable(detail)


def _nearest_price_first(considered: list[_Considered], chosen: _Considered) -> tuple[str, ...]:
    able = [one for one in considered if one is not chosen and not one.excluded_because]
    return tuple(one.model.id for one in sorted(able, key=lambda one: -(one.cost or 0)))


def _candidates(considered: list[_Considered]) -> tuple[Candidate, ...]:
    return tuple(Candidate(one.model.id, one.cost, one.excluded_because, one.health.value) for one in considered)


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
