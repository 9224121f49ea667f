"""Runs the suites in order and judges them together: `python -m tests.run all|e2e`.

The end-to-end tests run twice, against the studio in one process and against one process per role on real parts; the
lists of passed tests must be the same. `all` adds every other suite and the coverage gate.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
MODES = ("embedded", "services")
COVERAGE_GATE = 90


def pytest(*arguments: str, report: Path, mode: str = "") -> None:
    """Run one pytest session under coverage; exit with its code when it fails."""
    environment = {**os.environ, "MODE": mode} if mode else dict(os.environ)
    command = [str(BIN / "coverage"), "run", "-m", "pytest", "-q", f"--junit-xml={report}", *arguments]
    started = time.monotonic()
    print(f"\n== {' '.join(arguments)} {f'[{mode}]' if mode else ''}", flush=True)
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"== {time.monotonic() - started:.0f} s", flush=True)
    if code != 0:
        sys.exit(code)


def passed(report: Path) -> list[str]:
    """Names of the tests that passed, sorted."""
    cases = ET.parse(report).iter("testcase")
    return sorted(f"{case.get('classname')}::{case.get('name')}" for case in cases if len(case) == 0)


def end_to_end(reports: Path) -> None:
    lists = {}
    for mode in MODES:
        report = reports / f"e2e-{mode}.xml"
        pytest("tests/e2e", report=report, mode=mode)
        lists[mode] = passed(report)
    if lists["embedded"] != lists["services"]:
        only = set(lists["embedded"]) ^ set(lists["services"])
        sys.exit("the two ways to run differ in these tests:\n  " + "\n  ".join(sorted(only)))
    print("\n".join(lists["embedded"]))
    print(f"both ways to run passed the same {len(lists['embedded'])} tests, the ones above", flush=True)


def coverage(*arguments: str) -> int:
    return subprocess.run([BIN / "coverage", *arguments], cwd=ROOT, check=False).returncode


def main() -> None:
    suite = sys.argv[1] if len(sys.argv) > 1 else "all"
    with tempfile.TemporaryDirectory() as scratch:
        reports = Path(scratch)
        coverage("erase")
        if suite == "all":
            fast = ("unit", "architecture", "contract", "integration")
            pytest(*(f"tests/{name}" for name in fast), report=reports / "fast.xml")
        end_to_end(reports)
        if suite == "all":
            pytest("tests/faults", report=reports / "faults.xml")
            coverage("combine", "--quiet")
            sys.exit(coverage("report", "--skip-covered", "--skip-empty", f"--fail-under={COVERAGE_GATE}"))


if __name__ == "__main__":
    main()
