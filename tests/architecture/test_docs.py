"""The docs agree with the code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pixel_gateway.settings
import pixel_generation.settings
import pixel_media.settings
import pixel_social.settings
import pytest
from pixel_errors import KINDS
from pixel_events import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
REASON = re.compile(r'^\s+reason = "([A-Z_]+)"|\breason="([A-Z_]+)"', re.MULTILINE)
METRIC = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"(\w+)"(?:,\s*"[^"]*")+(?:,\s*(\[[^]]*\]))?', re.MULTILINE)
NAMED_METRIC = re.compile(r"`(pixel_\w+|api_costs_by_provider\w*|storage_usage_by_type)(?:\{([\w,]*)\})?`")
SETTINGS = [
    pixel_gateway.settings.Settings,
    pixel_generation.settings.Settings,
    pixel_media.settings.Settings,
    pixel_social.settings.Settings,
]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")])
PATH = re.compile(r"`([\w.<>*-]+(?:/[\w.<>*-]+)+(?:\.(?:py|sql|proto|md)|(?<=\w)/))`")
"""A file or folder by its path; `<word>` stands for any name."""
HTTP = "services/gateway/src/pixel_gateway/adapters/inbound/http/"
FOLDERS_OF_PATHS = ("", "docs/", "tests/", "libs/*/src/", "services/*/src/*/", HTTP)
"""From where the pages name paths."""
LINK = re.compile(r"\]\((?!http|#)([^)#]+)")


def own_reasons() -> set[str]:
    found = set()
    for folder in ("services", "libs"):
        for path in (ROOT / folder).rglob("*.py"):
            if "pixel_errors" not in path.parts and "protos" not in path.parts:
                found |= {either or other for either, other in REASON.findall(path.read_text())}
    return found


def test_every_error_reason_is_documented() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    assert {reason for reason in own_reasons() if f"`{reason}`" not in page} == set()
    assert {kind for kind in KINDS if f"| {kind}" not in page} == set()


def test_every_topic_is_documented() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    topics = {name for name in CATALOGUE if not name.endswith(".dlq")}
    written = {name for name in topics if f"`{name}`" in page}
    assert topics - written == {
        "video.processing.complete",
        "video.processing.failed",
    }  # written as `.complete`, `.failed`


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__module__)
def test_every_setting_is_documented(settings: Any) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    fields = dataclasses.fields(settings)
    names = {field.name: (f"PIXEL_{field.name.upper()}", *field.metadata.get("env", ())) for field in fields}
    assert [name for name, variables in names.items() if not any(f"`{one}`" in page for one in variables)] == []


def test_every_documented_metric_exists_with_its_labels() -> None:
    found: dict[str, set[str]] = {}
    for folder in ("services", "libs"):
        for path in (ROOT / folder).rglob("*.py"):
            for name, labels in METRIC.findall(path.read_text()):
                found[name.removesuffix("_total")] = set(re.findall(r'"(\w+)"', labels))
    named = NAMED_METRIC.findall((ROOT / "docs" / "operations.md").read_text())
    assert len(named) > 20
    for name, labels in named:
        base = name.removesuffix("_total")
        assert base in found, name
        assert set(filter(None, labels.split(","))) <= found[base], name


def test_every_path_that_contributors_are_told_exists() -> None:
    missing = []
    for page in (ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for path in PATH.findall(page.read_text()):
            pattern = re.sub("<[^>]*>", "*", path)
            if not path.startswith(".") and not any(any(ROOT.glob(folder + pattern)) for folder in FOLDERS_OF_PATHS):
                missing.append(f"{page.name}: {path}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_has_a_target(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []
