"""Contract of call lookups: no provider supports them yet, so only the fake is tested."""

from __future__ import annotations

from pixel_generation.adapters.outbound.providers.openai import OpenAIImages
from pixel_generation.adapters.outbound.providers.sketch import SketchPainter
from pixel_generation.application.maintenance.ports import CallLookup
from pixel_generation.domain.providers.provider import Outcome

from tests.fakes.generation_neighbours import FakeLookup

CONTRACTS = {CallLookup: (FakeLookup,)}


async def test_a_lookup_answers_whether_the_call_was_sent() -> None:
    lookup: CallLookup = FakeLookup(Outcome.SENT)
    assert await lookup.look_up(generation_id="gen_1", attempt=1, provider_request_id="") is Outcome.SENT


def test_no_provider_supports_lookups_yet() -> None:
    """Fails with the first that can: name it in CONTRACTS then, and in no exception of `test_ports.py` any more."""
    assert not any(isinstance(provider, CallLookup) for provider in (SketchPainter(), OpenAIImages(api_key="sk-test")))
