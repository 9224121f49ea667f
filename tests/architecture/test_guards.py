"""The list of guards names source lines and tests that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.guard_list import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_names_a_line_and_a_test_that_exist(guard: Guard) -> None:
    assert guard.text in (ROOT / guard.file).read_text()
    file, name = guard.test.split("::")
    assert f"def {name.split('[')[0]}(" in (ROOT / file).read_text()
