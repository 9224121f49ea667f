from __future__ import annotations

from datetime import UTC, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_runtime import SystemClock, format_id, new_id, parse_id

HEX = "0199f0d27c6e7b3a8f5e2d1c0b9a8877"


def test_new_ids_are_version_7_and_sort_by_time():
    ids = [new_id() for _ in range(1000)]
    assert {value.version for value in ids} == {7}
    assert ids == sorted(set(ids))


@given(st.uuids(), st.sampled_from(["gen", "set", "img", "ast", "key", "usr"]))
def test_an_id_is_read_back_as_it_was_written(value, prefix):
    assert parse_id(prefix, format_id(prefix, value)) == value


def test_the_public_form_is_prefix_and_hex():
    assert format_id("gen", UUID(HEX)) == f"gen_{HEX}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gen",
        "gen_",
        HEX,
        f"_{HEX}",
        f"set_{HEX}",
        f"Gen_{HEX}",
        f"gen_{HEX.upper()}",
        f"gen_{HEX}0",
        f"gen_{HEX[:-1]}",
        f"gen_{HEX[:-1]}g",
        f"gen_gen_{HEX}",
        f" gen_{HEX}",
        f"gen_{HEX}\n",
        f"gen_{UUID(HEX)}",
        "gen_" + "\N{ARABIC-INDIC DIGIT ONE}" * 32,
    ],
)
def test_a_malformed_id_is_refused(text):
    with pytest.raises(ValueError, match="gen_<32 hex digits>"):
        parse_id("gen", text)


def test_the_system_clock_is_in_utc():
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.utcoffset() == timedelta(0)
