"""Which fields of which messages the adapters write and read, found in their syntax trees."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIELD_CALLS = {"CopyFrom", "MergeFrom", "FromDatetime", "add", "append", "extend", "update"}
NAMING_CALLS = {"HasField", "ClearField", "getattr", "get", "pop", "read_time"}
"""Calls that name a field by a text."""


@dataclass
class Mapped:
    """Reads and writes of message fields by adapters; messages by full name, fields by name."""

    written: dict[str, set[str]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def wrote(self, message: str, names: Iterable[str]) -> None:
        self.written.setdefault(message, set()).update(names)


def messages() -> Iterator[Any]:
    """Yield the descriptor of every message of protos/pixel."""
    for path in sorted((ROOT / "protos" / "pixel").glob("*/v1/*.proto")):
        module = importlib.import_module(f"pixel.{path.parts[-3]}.v1.{path.stem}_pb2")
        yield from module.DESCRIPTOR.message_types_by_name.values()


def aliases(tree: ast.Module) -> dict[str, str]:
    """Return the local names of generated modules and messages, each with its package."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixel."):
            package = (node.module or "").removesuffix("_pb2")
            for alias in node.names:
                name = alias.asname or alias.name
                found[name] = (
                    f"{node.module}." if alias.name.endswith("_pb2") else f"{package.rpartition('.')[0]}.{alias.name}"
                )
    return found


def message_of(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the full name of the message that an expression names; empty for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        package = known.get(node.value.id, "")
        return f"{package}{node.attr}" if package.endswith(".") else ""
    if isinstance(node, ast.Name):
        name = known.get(node.id, "")
        return "" if name.endswith(".") else name
    return ""


class _Reader(ast.NodeVisitor):
    def __init__(self, known: Mapping[str, str], mapped: Mapped) -> None:
        self._known, self._mapped = known, mapped
        self._mentioned: set[str] = set()
        self._assigned: set[str] = set()
        self._depth = 0

    def visit_Call(self, node: ast.Call) -> None:
        message = message_of(node.func, self._known)
        if message:
            self._mapped.wrote(message, (each.arg for each in node.keywords if each.arg))
            self._mentioned.add(message)
            # Names in a constructor call belong to the domain, which has fields of the same names.
            self._depth += 1
            self.generic_visit(node)
            self._depth -= 1
            return
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in FIELD_CALLS
            and isinstance(node.func.value, ast.Attribute)
        ):
            self._assigned.add(node.func.value.attr)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if called in NAMING_CALLS:
            self._mapped.read |= {
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        message = message_of(node, self._known)
        if message:
            self._mentioned.add(message)
        elif isinstance(node.ctx, ast.Store):
            self._assigned.add(node.attr)
        elif not self._depth:
            self._mapped.read.add(node.attr)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            self._mapped.read.add(node.slice.value)
        self.generic_visit(node)

    def finish(self) -> None:
        for message in self._mentioned:
            self._mapped.wrote(message, self._assigned)


def handles_messages(tree: ast.Module) -> bool:
    """Return whether a module imports generated code, or a module that reads messages for it."""
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return any(each.startswith("pixel.") or each.endswith(".message_reader") for each in imported)


def mapped_by(sources: Mapping[str, str]) -> Mapped:
    """Read the sources of adapters; rows of a database have fields too, so others than codecs do not count."""
    mapped = Mapped()
    for source in sources.values():
        tree = ast.parse(source)
        if not handles_messages(tree):
            continue
        reader = _Reader(aliases(tree), mapped)
        reader.visit(tree)
        reader.finish()
    return mapped


def converted(sources: Mapping[str, str], domain: Mapping[str, str]) -> set[str]:
    """Return the fields of the dataclasses that adapters fill from whole messages, by the same names."""
    classes = {
        node.name: node
        for source in domain.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }
    waiting = [
        ast.unparse(node.args[1])
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"facts_of", "facts_from"}
    ]
    fields: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in classes:
            continue
        seen.add(name)
        for node in classes[name].body:
            if isinstance(node, ast.AnnAssign):
                fields.add(ast.unparse(node.target))
                waiting += [each.id for each in ast.walk(node.annotation) if isinstance(each, ast.Name)]
    return fields
