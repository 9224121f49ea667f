"""Contract of the last statuses: in memory and in a cache."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pixel_cache import InProcessCache
from pixel_errors import Unavailable
from pixel_gateway.adapters.outbound.cache import CachedLastStatus
from pixel_gateway.application.generations.ports import LastStatus
from pixel_gateway.domain.generation import Failure, Progress, Stage, Status

from tests.fakes.gateway import FakeLastStatus

CONTRACTS = {LastStatus: (FakeLastStatus, CachedLastStatus)}

FAILED = Progress(
    generation_id="gen_1",
    user_id="usr_1",
    sequence=3,
    status=Status.FAILED,
    stage=Stage.DONE,
    progress=0,
    message="Failed",
    set_id="set_1",
    time=datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
    failure=Failure("timeout", "The provider took too long.", retryable=True),
)


class AbsentCache:
    """A cache that cannot be reached."""

    def __init__(self) -> None:
        self.calls = 0

    async def get(self, key):
        raise Unavailable("away")

    async def set(self, key, value, *, ttl_s):
        self.calls += 1
        raise Unavailable("away")

    async def delete(self, *keys):
        raise Unavailable("away")

    async def check(self):
        raise Unavailable("away")

    async def close(self):
        pass


@pytest.fixture(params=["fake", "real"])
def last_status(request):
    return FakeLastStatus() if request.param == "fake" else CachedLastStatus(InProcessCache())


async def test_the_newest_status_reads_back_whole(last_status):
    await last_status.put([FAILED])

    assert await last_status.get("gen_1") == FAILED
    assert await last_status.get("gen_2") is None


async def test_a_failing_cache_is_not_called_for_a_while():
    cache = AbsentCache()
    last_status = CachedLastStatus(cache, monotonic=lambda: 1.0)

    await last_status.put([FAILED])
    await last_status.put([FAILED])

    assert cache.calls == 1
    assert await last_status.get("gen_1") is None
