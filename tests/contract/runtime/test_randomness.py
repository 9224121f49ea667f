"""Contract of ids and random numbers: of tests and of the system."""

from __future__ import annotations

import pytest
from pixel_gateway.application.ports import Ids
from pixel_gateway.wiring.adapters import RandomIds
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.ports import Randomness
from pixel_runtime.ids import parse_id

from tests.fakes.gateway import FakeIds
from tests.fakes.generation import FakeRandomness

CONTRACTS = {Randomness: (FakeRandomness, SystemRandomness), Ids: (FakeIds, RandomIds)}


@pytest.fixture(params=[FakeRandomness, SystemRandomness])
def randomness(request):
    return request.param()


@pytest.fixture(params=[FakeIds, RandomIds])
def ids(request):
    return request.param()


def test_ids_of_jobs_are_version_7_and_grow(randomness):
    made = [randomness.new_id() for _ in range(100)]
    assert {each.version for each in made} == {7}
    assert made == sorted(set(made))


def test_random_numbers_are_in_range(randomness):
    seeds, fractions = zip(*((randomness.seed(), randomness.fraction()) for _ in range(1000)), strict=True)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert all(0 <= fraction < 1 for fraction in fractions)
    assert min(len(set(seeds)), len(set(fractions))) > 990


def test_ids_have_their_prefix_and_secrets_are_unique(ids):
    assert len({parse_id("usr", ids.new("usr")) for _ in range(100)}) == 100
    texts = {ids.random_text() for _ in range(100)}
    assert (len(texts), {len(text) for text in texts}) == (100, {43})
    assert all(text.replace("-", "").replace("_", "").isalnum() and text.isascii() for text in texts)
