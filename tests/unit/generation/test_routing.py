from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pixel_errors import PixelError
from pixel_generation.domain.catalogue.catalogue import Catalogue, Model, Price, Size
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.errors import ModelUnavailable, PriceUnknown, WorkInvalid
from pixel_generation.domain.jobs.job import Job
from pixel_generation.domain.providers.breaker import BreakerState
from pixel_generation.domain.routing.routing import RoutedWork, next_route, route
from pixel_generation.domain.work.adjustment import Adjustment
from pixel_generation.domain.work.image import ImageWork

from tests.fakes.generation_catalogue import FLARE, SKETCH, painting
from tests.fakes.generation_outputs import image_of

GRAND = replace(
    FLARE,
    id="gpt-image-2",
    provider="grand",
    queue="grand",
    aliases=(),
    max_units=10,
    prices=(
        Price("grand/any", "gpt-image-2", 8),
        Price("grand/high", "gpt-image-2", 16, quality="high"),
        Price("grand/wide", "gpt-image-2", 12, size="1536x1024"),
        Price("grand/high-wide", "gpt-image-2", 24, quality="high", size="1536x1024"),
    ),
)
FREE = replace(FLARE, id="unpriced", provider="openai", aliases=(), prices=())
MODELS = (SKETCH, FLARE, GRAND, FREE)
PROVIDERS = painting("sketch", "openai", "grand")
FOX = ImageWork("a fox")


def catalogue(
    *models: Model,
    providers: Mapping[str, frozenset[str]] = PROVIDERS,
    health: dict[str, BreakerState] | None = None,
    queue_states: dict[str, QueueState] | None = None,
    spent: frozenset[str] = frozenset(),
) -> Catalogue:
    return Catalogue(
        models or MODELS,
        default="studio-sketch",
        providers=providers,
        health=health,
        queue_states=queue_states,
        spent=spent,
    )


EVERY = catalogue()


def routed(work: ImageWork, models: Catalogue = EVERY, *, adjust: bool = False, fallback: bool = False) -> RoutedWork:
    return route(work, models, lambda: 42, adjust=adjust, allow_fallback=fallback)


def excluded(found: RoutedWork) -> dict[str, str]:
    return {candidate.model: candidate.excluded_because for candidate in found.route.candidates}


@pytest.mark.parametrize(
    ("quality", "size", "price"),
    [
        ("", "1024x1024", "grand/any"),
        ("low", "1024x1024", "grand/any"),
        ("high", "1024x1024", "grand/high"),
        ("low", "1536x1024", "grand/wide"),
        ("high", "1536x1024", "grand/high-wide"),
    ],
)
def test_the_most_specific_price_rule_applies(quality: str, size: str, price: str) -> None:
    found = routed(replace(FOX, model="gpt-image-2", quality=quality, size=size, number_of_images=2))
    assert (found.price.id, found.cost_credits) == (price, 2 * found.price.credits_per_unit)


def test_of_two_equally_specific_price_rules_the_dearer_applies() -> None:
    both = replace(GRAND, prices=GRAND.prices[:3])
    assert (
        routed(replace(FOX, model=both.id, quality="high", size="1536x1024"), catalogue(both)).price.id == "grand/high"
    )


def test_a_model_without_a_price_is_refused() -> None:
    with pytest.raises(PriceUnknown):
        routed(replace(FOX, model="unpriced"))


def test_the_route_names_the_price_rule() -> None:
    assert [routed(replace(FOX, model=name)).route.rule.value for name in ("", "dall-e-3", "auto")] == [
        "default",
        "requested",
        "cheapest",
    ]


def test_auto_takes_the_cheapest_that_can_make_it() -> None:
    assert routed(replace(FOX, model="auto")).model is SKETCH
    found = routed(replace(FOX, model="auto", quality="high"))
    assert found.model is FLARE
    assert excluded(found) == {
        "studio-sketch": "unsupported_quality",
        "gpt-image-2.5-flare": "",
        "gpt-image-2": "",
        "unpriced": "price_unknown",
    }
    assert [candidate.cost_credits for candidate in found.route.candidates] == [None, 4, 16, None]


def test_auto_skips_providers_with_an_open_breaker_unless_all_are_open() -> None:
    ill = catalogue(health={"sketch": BreakerState.OPEN})
    found = routed(replace(FOX, model="auto"), ill)
    assert (found.model, excluded(found)["studio-sketch"]) == (FLARE, "provider_unavailable")
    all_ill = catalogue(health=dict.fromkeys(PROVIDERS, BreakerState.OPEN))
    assert routed(replace(FOX, model="auto"), all_ill).model is SKETCH


@pytest.mark.parametrize(
    ("state", "code"), [(QueueState.DRAINING, "queue_closed"), (QueueState.PAUSED, "queue_paused")]
)
def test_auto_skips_a_paused_or_draining_queue(state: QueueState, code: str) -> None:
    found = routed(replace(FOX, model="auto"), catalogue(queue_states={"sketch": state}))
    assert (found.model, excluded(found)["studio-sketch"]) == (FLARE, code)


def test_auto_skips_a_provider_without_budget_or_key() -> None:
    found = routed(replace(FOX, model="auto"), catalogue(spent=frozenset({"sketch"})))
    assert (found.model, excluded(found)["studio-sketch"]) == (FLARE, "budget_exhausted")
    keyless = catalogue(providers=painting("openai"))
    assert excluded(routed(replace(FOX, model="auto"), keyless))["studio-sketch"] == "provider_not_configured"


def test_a_provider_with_a_spent_budget_is_replaced_only_if_fallbacks_are_allowed() -> None:
    spent = catalogue(spent=frozenset({"grand"}))
    found = routed(replace(FOX, model="gpt-image-2"), spent)
    assert (found.model, excluded(found)["gpt-image-2"]) == (GRAND, "budget_exhausted")
    assert routed(replace(FOX, model="gpt-image-2"), spent, fallback=True).model is FLARE


def test_a_failed_run_does_not_fall_back_to_a_provider_with_a_spent_budget() -> None:
    job = waiting(routed(replace(FOX, model="gpt-image-2"), fallback=True))
    moved = next_route(job, catalogue(spent=frozenset({"openai"})), lambda: 7)
    assert moved is not None
    assert moved.work.model == SKETCH.id


def test_auto_prefers_a_model_that_needs_no_adjustment() -> None:
    found = routed(replace(FOX, model="auto", quality="high"), adjust=True)
    assert (found.model, found.adjustments) == (FLARE, ())
    found = routed(replace(FOX, model="auto", size="1000x1000"), adjust=True)
    assert (found.model, found.adjustments) == (SKETCH, (Adjustment("size", "1000x1000", "1024x1024"),))


def test_auto_without_a_matching_model_lists_what_each_model_accepts() -> None:
    with pytest.raises(WorkInvalid) as refused:
        routed(replace(FOX, model="auto", size="999x999"))
    assert {violation.field for violation in refused.value.violations} == {"size"}
    with pytest.raises(ModelUnavailable):
        routed(replace(FOX, model="auto"), catalogue(providers={}))


def test_a_requested_model_is_used_even_if_its_provider_is_failing() -> None:
    found = routed(replace(FOX, model="gpt-image-2"), catalogue(health={"grand": BreakerState.OPEN}))
    assert found.model is GRAND
    assert excluded(found) == {
        "studio-sketch": "not_requested",
        "gpt-image-2.5-flare": "not_requested",
        "gpt-image-2": "provider_unavailable",
        "unpriced": "not_requested",
    }


def test_with_fallbacks_a_failing_provider_is_replaced_by_the_nearest_cheaper_model() -> None:
    found = routed(replace(FOX, model="gpt-image-2"), catalogue(health={"grand": BreakerState.OPEN}), fallback=True)
    assert (found.model, found.route.fallback_models, found.cost_credits) == (FLARE, ("studio-sketch",), 4)
    assert excluded(found)["gpt-image-2"] == "provider_unavailable"


def test_fallbacks_never_cost_more_and_support_the_same_request() -> None:
    found = routed(replace(FOX, model="dall-e-3", size="1536x1024"), fallback=True)
    assert (found.model, found.route.fallback_models) == (FLARE, ("studio-sketch",))
    assert excluded(found)["gpt-image-2"] == "costs_more"
    found = routed(replace(FOX, model="gpt-image-2", quality="high"), fallback=True)
    assert found.route.fallback_models == ("gpt-image-2.5-flare",)
    assert excluded(found)["studio-sketch"] == "unsupported_quality"


def test_a_requested_seed_is_kept_by_fallbacks() -> None:
    found = routed(replace(FOX, seed=5), fallback=True)
    assert (image_of(found).seed, excluded(found)["gpt-image-2.5-flare"]) == (5, "unsupported_seed")
    assert image_of(routed(replace(FOX, model="dall-e-3"))).seed is None


def test_a_model_without_price_or_key_is_replaced_by_a_fallback() -> None:
    found = routed(replace(FOX, model="gpt-image-2"), catalogue(providers=painting("sketch")), fallback=True)
    assert (found.model, excluded(found)["gpt-image-2"]) == (SKETCH, "provider_not_configured")


def waiting(found: RoutedWork) -> Job:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Job(
        id=UUID(int=1),
        user_id=UUID(int=2),
        set_id=UUID(int=3),
        work=found.work,
        queue=found.model.queue,
        cost_credits=found.cost_credits,
        created_at=now,
        scheduled_at=now,
        deadline_at=now + timedelta(hours=1),
        route=found.route.as_dict(),
        price_id=found.price.id,
    )


def test_a_failed_run_falls_back_to_the_next_available_model() -> None:
    job = waiting(routed(replace(FOX, model="gpt-image-2"), fallback=True))
    assert job.route["fallback_models"] == ("gpt-image-2.5-flare", "studio-sketch")
    moved = next_route(job, EVERY, lambda: 7)
    assert moved is not None
    assert (moved.work.model, moved.queue, moved.price_id) == (FLARE.id, "openai", "gpt-image-2.5-flare/1")
    assert (moved.work.size, moved.cost_credits, moved.route["credits_per_unit"]) == (job.work.size, 8, 4)
    last = next_route(job, catalogue(health={"openai": BreakerState.OPEN}), lambda: 7)
    assert last is not None
    assert (last.work.model, image_of(last).seed, last.route["fallback_models"]) == (SKETCH.id, 7, [])
    assert next_route(last, EVERY, lambda: 7) is None


def test_a_fallback_that_became_dearer_is_skipped() -> None:
    job = waiting(routed(replace(FOX, model="gpt-image-2"), fallback=True))
    dearer = replace(FLARE, prices=(Price("new", FLARE.id, 9),))
    moved = next_route(job, catalogue(SKETCH, dearer, GRAND), lambda: 7)
    assert moved is not None
    assert moved.work.model == SKETCH.id


def anything(chance: random.Random) -> ImageWork:
    pick = chance.choice
    return ImageWork(
        "a fox",
        model=pick(["", "auto", "auto", "dall-e-3", "studio-sketch", "gpt-image-2", "unpriced"]),
        number_of_images=chance.randint(1, 10),
        style=pick(["", "", "ink", "cubism"]),
        quality=pick(["", "", "high", "low", "extreme"]),
        aspect_ratio=pick(["", "", "1:1", "3:2", "16:9", "5:1"]),
        size=pick(["", "", "1024x1024", "1536x1024", "640x512", "77x77"]),
        seed=pick([None, None, 3]),
        parameters=pick([{}, {}, {"background": "opaque"}, {"steps": 9}]),
    )


def test_routing_is_deterministic_and_each_excluded_model_has_a_reason() -> None:
    chance, taken = random.Random(11), 0
    for _ in range(1_000):
        work = anything(chance)
        models = catalogue(
            health={provider: chance.choice(list(BreakerState)) for provider in PROVIDERS},
            queue_states={queue: chance.choice([*QueueState, QueueState.OPEN]) for queue in PROVIDERS},
            providers=painting(*(provider for provider in PROVIDERS if chance.random() < 0.9)),
        )
        adjust, fallback = chance.random() < 0.5, chance.random() < 0.5
        try:
            found = routed(work, models, adjust=adjust, fallback=fallback)
        except PixelError as rejection:
            with pytest.raises(type(rejection)):
                routed(work, models, adjust=adjust, fallback=fallback)
            continue
        taken += 1
        again = routed(work, models, adjust=adjust, fallback=fallback)
        assert (again.route, again.work, again.price) == (found.route, found.work, found.price)
        assert [candidate.model for candidate in found.route.candidates] == [model.id for model in MODELS]
        costs = {candidate.model: candidate.cost_credits for candidate in found.route.candidates}
        reasons = excluded(found)
        assert costs[found.model.id] == found.cost_credits
        for name in found.route.fallback_models:
            assert reasons[name] == ""
            assert (costs[name] or 0) <= found.cost_credits
        if fallback:
            assert {name for name, why in reasons.items() if not why} <= {found.model.id, *found.route.fallback_models}
        # A resolved request is resolved to itself when it is submitted again.
        settled = routed(image_of(found), models)
        assert (settled.work, settled.adjustments) == (found.work, ())
    assert taken > 200


WRONG = {
    "numberOfImages": {"number_of_images": 11},
    "style": {"style": "cubism"},
    "quality": {"quality": "extreme"},
    "aspectRatio": {"aspect_ratio": "31:9"},
    "size": {"size": "1000x900"},
    "seed": {"seed": 7},
    "parameters": {"parameters": {"steps": "9"}},
}


@pytest.mark.parametrize("model", [SKETCH, FLARE, GRAND], ids=lambda model: model.id)
@pytest.mark.parametrize("field", WRONG)
def test_unsupported_options_are_refused_or_adjusted(model: Model, field: str) -> None:
    work = replace(FOX, model=model.id, **WRONG[field])  # type: ignore[arg-type]
    takes_it = (field == "seed" and model.takes_seed) or (field == "style" and not model.styles)
    if takes_it:
        assert routed(work).adjustments == ()
        return
    with pytest.raises(WorkInvalid) as refused:
        routed(work)
    assert {violation.field for violation in refused.value.violations} == {field}
    found = routed(work, adjust=True)
    assert {adjustment.field for adjustment in found.adjustments} == {field}
    assert found.work.size in map(str, model.sizes)
    assert routed(image_of(found)).work == found.work


@pytest.mark.parametrize(
    ("changes", "adjustments", "size"),
    [
        ({"aspect_ratio": "2:1"}, [("aspectRatio", "2:1", "16:9")], "1344x768"),
        ({"aspect_ratio": "1:3"}, [("aspectRatio", "1:3", "1:1")], "1024x1024"),
        ({"size": "1600x1000"}, [("size", "1600x1000", "1536x1024")], "1536x1024"),
        ({"size": "500x500"}, [("size", "500x500", "512x512")], "512x512"),
        ({"size": "800x800", "aspect_ratio": "16:9"}, [("size", "800x800", "1344x768")], "1344x768"),
        ({"size": "512x512", "aspect_ratio": "16:9"}, [("aspectRatio", "16:9", "1:1")], "512x512"),
        ({"number_of_images": 0}, [("numberOfImages", "0", "1")], "1024x1024"),
    ],
)
def test_an_adjustment_is_the_nearest_supported_value(
    changes: dict[str, str], adjustments: list[tuple[str, str, str]], size: str
) -> None:
    found = routed(replace(FOX, **changes), adjust=True)  # type: ignore[arg-type]
    assert [(each.field, each.requested, each.used) for each in found.adjustments] == adjustments
    assert found.work.size == size


@pytest.mark.parametrize("changes", [{"size": "large"}, {"aspect_ratio": "wide"}, {"seed": -1}, {"prompt": ""}])
def test_an_option_without_a_nearest_value_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(WorkInvalid):
        routed(replace(FOX, **changes), adjust=True)  # type: ignore[arg-type]


def test_a_square_replaces_a_portrait_size_only_when_no_portrait_size_exists() -> None:
    upright = replace(SKETCH, extra_sizes=(Size(832, 1248),))
    found = routed(replace(FOX, size="900x1200"), catalogue(upright), adjust=True)
    assert found.work.size == "832x1248"
