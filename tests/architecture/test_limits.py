"""A limit that two services check is written once, in the proto."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pixel_limits.generation
import pixel_limits.media
import pixel_limits.social
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "generation", "media", "social")
MODULES = (pixel_limits.generation, pixel_limits.media, pixel_limits.social)
LIMITS = {
    f"{module.__name__}.{name}": value for module in MODULES for name, value in vars(module).items() if name.isupper()
}
COMMON = {1, 3, 10, 16, 40, 64, 100, 200, 500, 512, 1000, 86_400, 10**9, 2**63 - 1}
"""Numbers that many things have; their limits are found by who reads them."""


def sources() -> Iterator[tuple[str, Path, ast.Module]]:
    for service in SERVICES:
        for path in sorted((ROOT / "services" / service / "src").rglob("*.py")):
            yield service, path, ast.parse(path.read_text())


def limits_read_by(tree: ast.Module) -> set[str]:
    """Return the full names of the limits that a module reads."""
    found: set[str] = set()
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pixel_limits":
            aliases |= {alias.asname or alias.name: f"pixel_limits.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixel_limits."):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found.add(f"{aliases[node.value.id]}.{node.attr}")
    return found


def number_of(node: ast.expr) -> float | None:
    """Return the number that an expression is, or a product of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = number_of(node.left), number_of(node.right)
        return None if left is None or right is None else left * right
    return None


def numbers_in(tree: ast.Module) -> set[float]:
    """Return the numbers that stand in a module."""
    found = {number_of(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    return {number for number in found if number is not None}


@pytest.fixture(scope="module")
def readers() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for service, _, tree in sources():
        for name in limits_read_by(tree):
            found[name].add(service)
    return found


def test_every_limit_is_read_by_two_services(readers: dict[str, set[str]]) -> None:
    assert {name for name in LIMITS if len(readers[name]) < 2} == set()


def test_no_other_module_writes_the_number_of_a_limit() -> None:
    telling = {value for value in LIMITS.values() if value not in COMMON}
    assert len(telling) >= 4
    found = {
        f"{path.name}: {number:g}"
        for _, path, tree in sources()
        if "sketch" not in path.parts
        for number in telling & numbers_in(tree)
    }
    assert found == set()
