"""The engine names no kind of work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GENERATION = Path(__file__).resolve().parents[2] / "services" / "generation" / "src" / "pixel_generation"
ENGINE = (
    "domain/jobs", "domain/queueing", "domain/billing", "domain/work/work.py",
    "application/execution/worker.py", "application/execution/run.py", "application/execution/runner.py",
    "application/execution/store_output.py", "application/execution/ports.py",
    "application/maintenance", "application/submission", "application/billing", "application/reading",
    "application/operations", "adapters/outbound/postgres", "sql",
)  # fmt: skip
KINDS = re.compile("image|picture|prompt|video|carousel|slide", re.IGNORECASE)
LEFT_OUT = {GENERATION / "domain/jobs/former_names.py", GENERATION / "domain/billing/token_prices.py"}
"""Names of earlier releases, which stored events still have, and names of a vendor's price list."""


def engine_files() -> list[Path]:
    """Return the files of the engine, including its queries."""
    paths = [GENERATION / name for name in ENGINE]
    assert all(path.exists() for path in paths)
    inside = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return [path for path in inside if path.suffix in {".py", ".sql", ".txt"} and path not in LEFT_OUT]


@pytest.mark.parametrize("path", engine_files(), ids=lambda path: path.relative_to(GENERATION).as_posix())
def test_the_engine_names_no_kind_of_work(path: Path) -> None:
    named = [line.strip() for line in path.read_text().splitlines() if KINDS.search(line)]
    assert named == []
