"""The runner of the suites: output and exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import run
from tests.run import EMBEDDED, SERVICES, Case, Result, Suite, difference_of_modes

PASSES = "def test_passes():\n    assert True\n"
FAILS = "def test_fails():\n    assert 1 == 2\n"


def suite(tmp_path: Path, name: str, content: str) -> Suite:
    path = tmp_path / f"test_{name}.py"
    path.write_text(content)
    return Suite(name, (str(path),), needs_servers=False)


async def judged(monkeypatch: pytest.MonkeyPatch, *stages: tuple[Suite, ...]) -> int:
    wanted = [each for stage in stages for each in stage]
    monkeypatch.setattr(run, "STAGES", stages)
    monkeypatch.setattr(run, "SUITES", {each.name: each for each in wanted})
    return await run.main(wanted)


async def test_a_failing_suite_hides_neither_the_others_nor_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bad, good = suite(tmp_path, "bad", FAILS), suite(tmp_path, "good", PASSES)

    assert await judged(monkeypatch, (bad,), (good,)) == 1

    said = capfd.readouterr().out
    assert "assert 1 == 2" in said
    slowest, suites = said.split("slowest tests")[1].split("== the suites")
    assert {line.split()[2] for line in slowest.splitlines() if line.strip()} == {"bad", "good"}
    assert "bad: 0 of 1 tests FAILED (pytest ended with 1)" in suites
    assert "good: 1 of 1 tests passed" in suites


async def test_a_run_without_a_failure_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await judged(monkeypatch, (suite(tmp_path, "good", PASSES),)) == 0


async def test_a_suite_without_tests_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await judged(monkeypatch, (suite(tmp_path, "empty", ""),)) == 1


def test_both_modes_must_pass_the_same_tests() -> None:
    passed = [Case("both", 1.0, is_passed=True), Case("one", 1.0, is_passed=True)]
    skipped = [Case("both", 1.0, is_passed=True), Case("one", 0.0, is_passed=False)]

    assert difference_of_modes([Result(EMBEDDED, 0, 2.0, passed), Result(SERVICES, 0, 1.0, skipped)]) == "\n  one"
    assert difference_of_modes([Result(EMBEDDED, 0, 2.0, passed), Result(SERVICES, 0, 2.0, passed)]) == ""
    assert difference_of_modes([Result(EMBEDDED, 0, 2.0, passed)]) == ""
