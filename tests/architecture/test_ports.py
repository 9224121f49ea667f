"""Ports are small, documented and named for what they are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTS = sorted((ROOT / "services").glob("*/src/*/application/ports.py"))
MOST_METHODS = 6


def protocols(path: Path) -> list[ast.ClassDef]:
    tree = ast.parse(path.read_text())
    return [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in node.bases)
    ]


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.parts[-3])
def test_a_port_has_one_to_six_methods(path: Path) -> None:
    for protocol in protocols(path):
        methods = [node for node in protocol.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert 1 <= len(methods) <= MOST_METHODS, f"{path}: {protocol.name} has {len(methods)}"


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.parts[-3])
def test_every_port_method_has_a_docstring(path: Path) -> None:
    for protocol in protocols(path):
        documented = ast.get_docstring(protocol) or any(
            ast.get_docstring(node)
            for node in protocol.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        assert documented, f"{path}: {protocol.name} promises nothing"


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.parts[-3])
def test_port_names_have_no_technical_prefix_or_suffix(path: Path) -> None:
    for protocol in protocols(path):
        assert not protocol.name.endswith(("Port", "Repository", "Manager", "Service", "Impl", "Interface"))
        assert not (protocol.name[0] == "I" and protocol.name[1].isupper())
