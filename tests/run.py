"""Runs suites and summarizes them: `python -m tests.run [SUITE...]`; without a name all of them.

Every suite runs even if others fail; suites of one stage run concurrently. The end-to-end tests run twice, on the
studio in one process and on one process per role with real servers: both must pass the same tests. The run ends with
the time of each suite and the slowest tests, and fails when anything failed. Coverage is measured in the fast suites
only, which must reach the limit: measuring doubles their time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.servers import run_shared_servers

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
COVERAGE_GATE = 90
SLOWEST = 20


@dataclass(frozen=True)
class Suite:
    """One pytest session; `workers` share its tests, file by file unless `dist` says otherwise."""

    name: str
    paths: Sequence[str]
    workers: int = 0
    dist: str = "loadscope"
    mode: str = ""
    is_measured: bool = False
    needs_servers: bool = True

    def command(self, *, is_measured: bool) -> list[str]:
        """Return the command line."""
        program = [str(BIN / "coverage"), "run"] if is_measured else [sys.executable]
        spread = ["-n", str(self.workers), "--dist", self.dist] if self.workers else []
        return [*program, "-m", "pytest", "-q", *spread, *self.paths]


@dataclass(frozen=True)
class Case:
    """One test of a suite and its result."""

    name: str
    time_s: float
    is_passed: bool


@dataclass(frozen=True)
class Result:
    """A suite that has run."""

    suite: Suite
    code: int
    time_s: float
    cases: Sequence[Case]

    @property
    def passed(self) -> set[str]:
        """Names of the tests that passed."""
        return {case.name for case in self.cases if case.is_passed}


UNIT = Suite("unit", ("tests/unit", "tests/architecture"), workers=2, is_measured=True, needs_servers=False)
ADAPTERS = Suite("adapters", ("tests/contract", "tests/integration"), workers=4, is_measured=True)
EMBEDDED = Suite("e2e-embedded", ("tests/e2e",), mode="embedded")
SERVICES = Suite("e2e-services", ("tests/e2e",), mode="services")
FAULTS = Suite("faults", ("tests/faults",), workers=2, dist="loadgroup")

STAGES = ((UNIT,), (ADAPTERS,), (EMBEDDED, SERVICES), (FAULTS,))
SUITES = {suite.name: suite for stage in STAGES for suite in stage}


async def run_suite(suite: Suite, scratch: Path, environment: Mapping[str, str], *, is_measured: bool) -> Result:
    """Run one pytest session; print its output when it has ended."""
    report, log = scratch / f"{suite.name}.xml", scratch / f"{suite.name}.log"
    print(f"== {suite.name}: begins", flush=True)
    started = time.monotonic()
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(
            *suite.command(is_measured=is_measured and suite.is_measured), f"--junit-xml={report}",
            cwd=ROOT, env={**environment, "MODE": suite.mode}, stdout=output, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        code = await child.wait()
    time_s = time.monotonic() - started
    print(f"\n== {suite.name}: {time_s:.0f} s\n{log.read_text(errors='replace')}", flush=True)
    return Result(suite, code, time_s, cases_of(report))


def cases_of(report: Path) -> list[Case]:
    """Read the tests of a session; none when it ended before the first."""
    if not report.exists():
        return []
    return [
        Case(f"{case.get('classname')}::{case.get('name')}", float(case.get("time", "0")), len(case) == 0)
        for case in ET.parse(report).iter("testcase")
    ]


def difference_of_modes(results: Sequence[Result]) -> str:
    """Return the end-to-end tests that passed in one mode only; empty when both agree or one did not run."""
    lists = [result.passed for result in results if result.suite in (EMBEDDED, SERVICES)]
    if len(lists) < len((EMBEDDED, SERVICES)):
        return ""
    return "".join(f"\n  {name}" for name in sorted(lists[0] ^ lists[1]))


def print_summary(results: Sequence[Result], time_s: float) -> None:
    """Print the slowest tests of all suites, then each suite with its time."""
    cases = sorted(
        ((case, result.suite) for result in results for case in result.cases), key=lambda each: -each[0].time_s
    )
    print(f"\n== the {SLOWEST} slowest tests")
    for case, suite in cases[:SLOWEST]:
        print(f"{case.time_s:7.1f} s  {suite.name}  {case.name}")
    print("\n== the suites")
    for result in results:
        verdict = "passed" if result.code == 0 else f"FAILED (pytest ended with {result.code})"
        print(
            f"{result.time_s:7.1f} s  {result.suite.name}: {len(result.passed)} of {len(result.cases)} tests {verdict}"
        )
    print(f"{time_s:7.1f} s  together", flush=True)


async def coverage(*arguments: str) -> int:
    child = await asyncio.create_subprocess_exec(str(BIN / "coverage"), *arguments, cwd=ROOT)
    return await child.wait()


async def run_stages(wanted: Sequence[Suite], scratch: Path, *, is_measured: bool) -> list[Result]:
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        environment: dict[str, str] = dict(os.environ)
        if any(suite.needs_servers for suite in wanted):
            environment |= await stack.enter_async_context(run_shared_servers(scratch / "servers"))
        for stage in STAGES:
            suites = [suite for suite in stage if suite in wanted]
            begun = (run_suite(suite, scratch, environment, is_measured=is_measured) for suite in suites)
            results += await asyncio.gather(*begun)
    return results


async def main(wanted: Sequence[Suite]) -> int:
    started = time.monotonic()
    measured = {suite for suite in SUITES.values() if suite.is_measured}
    is_measured = bool(measured) and measured <= set(wanted)
    if is_measured:
        await coverage("erase")
    with tempfile.TemporaryDirectory(prefix="pixel-tests-") as scratch:
        results = await run_stages(wanted, Path(scratch), is_measured=is_measured)
    is_covered = True
    if is_measured:
        await coverage("combine", "--quiet")
        is_covered = await coverage("report", "--skip-covered", "--skip-empty", f"--fail-under={COVERAGE_GATE}") == 0
    print_summary(results, time.monotonic() - started)
    if only := difference_of_modes(results):
        print(f"FAILED: the two modes differ in these tests:{only}")
    if not is_covered:
        print(f"FAILED: less than {COVERAGE_GATE} % of the code is covered")
    return 0 if is_covered and not only and all(result.code == 0 for result in results) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Runs suites and summarizes them.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all when none is named")
    names = parser.parse_args().suites or list(SUITES)
    if unknown := set(names) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    sys.exit(asyncio.run(main([SUITES[name] for name in names])))
