"""The docs name what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pixel_errors import KINDS
from pixel_events import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
REASON = re.compile(r'^\s+reason = "([A-Z_]+)"', re.MULTILINE)
LINK = re.compile(r"\]\((?!http|#)([^)#]+)")


def own_reasons() -> set[str]:
    found = set()
    for folder in ("services", "libs"):
        for path in (ROOT / folder).rglob("*.py"):
            if "pixel_errors" not in path.parts and "protos" not in path.parts:
                found |= set(REASON.findall(path.read_text()))
    return found


def test_every_reason_stands_in_the_errors_page() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    assert {reason for reason in own_reasons() if f"`{reason}`" not in page} == set()
    assert {kind for kind in KINDS if f"| {kind}" not in page} == set()


def test_every_topic_stands_in_the_events_page() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    topics = {name for name in CATALOGUE if not name.endswith(".dlq")}
    written = {name for name in topics if f"`{name}`" in page}
    assert topics - written == {
        "video.processing.complete",
        "video.processing.failed",
    }  # written as `.complete`, `.failed`


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")]), ids=str
)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []
