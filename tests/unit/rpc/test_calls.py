from __future__ import annotations

import asyncio

import pytest
from pixel_errors import Invalid
from pixel_rpc import Caller, caller, calling_as, deadline, remaining_s


def test_the_shorter_of_two_deadlines_applies():
    with deadline(1.0):
        with deadline(10.0):
            assert 0.5 < (remaining_s() or 0) <= 1.0
        with deadline(0.2):
            assert 0 < (remaining_s() or 0) <= 0.2
        assert (remaining_s() or 0) > 0.5
    assert remaining_s() is None


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_deadline_in_the_past_leaves_no_time(seconds):
    with deadline(seconds):
        assert remaining_s() == 0.0


def test_the_identity_is_empty_by_default():
    assert caller() == Caller("", "")
    with calling_as(Caller(user_id="usr_1")):
        assert caller().user_id == "usr_1"
    assert caller() == Caller()


async def test_concurrent_work_keeps_its_own_caller():
    async def work(name: str) -> str:
        with calling_as(Caller(user_id=name)):
            await asyncio.sleep(0)
            return caller().user_id

    assert await asyncio.gather(*map(work, "abc")) == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["a\nb", "ü", "x" * 129, "\x00", "写真"])
def test_an_identity_that_cannot_be_sent_is_refused(text):
    with pytest.raises(Invalid):
        Caller(request_id=text)
    with pytest.raises(Invalid):
        Caller(user_id=text)
