"""Ports are small, documented, named by the rules, and covered by one contract suite over fake and adapter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("domain", "application")
MOST_METHODS = 6
ASSERTING = {"raises", "wait_until", "timeout"}
"""Functions that fail a test by themselves."""
NOTHING_IS_RAISED = ("_is_fine", "_succeeds", "_is_idempotent")
"""Endings of the names of tests that prove that a call raises nothing."""
NO_ADAPTER_YET = {"pixel_generation.application.maintenance.ports.CallLookup"}
"""Ports without an implementation: tests/contract/providers/test_call_lookup.py fails when that changes."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Port:
    """A protocol that a service's rules or use cases state."""

    name: str
    node: ast.ClassDef

    @property
    def methods(self) -> list[Function]:
        return [node for node in self.node.body if isinstance(node, Function)]

    @property
    def is_observer(self) -> bool:
        """It only counts: nothing comes back and nothing is decided by it."""
        return self.node.name.endswith("Observer")


def dotted(path: Path) -> str:
    """Return the name under which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[parts.index("src") + 1 :] if "src" in parts else parts)


def all_ports() -> Iterator[Port]:
    """Yield every protocol anywhere under domain and application of a service."""
    for layer in LAYERS:
        for path in sorted((ROOT / "services").glob(f"*/src/*/{layer}/**/*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                bases = {ast.unparse(base).partition("[")[0] for base in getattr(node, "bases", [])}
                if isinstance(node, ast.ClassDef) and bases & {"Protocol", "typing.Protocol"}:
                    yield Port(f"{dotted(path)}.{node.name}", node)


PORTS = list(all_ports())


@dataclass(frozen=True)
class ContractModule:
    """A contract test module and its implementations; names are dotted."""

    path: Path
    tree: ast.Module
    contracts: dict[str, list[str]]
    """By port, or by fake for servers."""


def declared(tree: ast.Module, names: dict[str, str]) -> dict[str, list[str]]:
    """Return CONTRACTS, SERVERS and OBSERVERS of a module, with names resolved by its imports."""
    found: dict[str, list[str]] = {}
    for node in tree.body:
        targets = {ast.unparse(target) for target in getattr(node, "targets", [])}
        if isinstance(node, ast.AnnAssign):
            targets = {ast.unparse(node.target)}
        if not (isinstance(node, ast.Assign | ast.AnnAssign) and targets & {"CONTRACTS", "SERVERS", "OBSERVERS"}):
            continue
        assert isinstance(node.value, ast.Dict), f"line {node.lineno}: a contract is written out as a dict"
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            given = value.elts if isinstance(value, ast.Tuple) else [value]
            listed = [names[ast.unparse(each)] for each in given]
            port = names[ast.unparse(key)] if key is not None else ""
            found[port] = [port, *listed] if targets == {"SERVERS"} else listed
    return found


@cache
def contract_modules() -> list[ContractModule]:
    modules = []
    for folder in ("contract", "integration"):
        for path in sorted((ROOT / "tests" / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            names = {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for node in imports for alias in node.names
            }
            contracts = declared(tree, names)
            if contracts:
                modules.append(ContractModule(path, tree, contracts))
    return modules


def all_contracts() -> dict[str, list[str]]:
    return {port: listed for module in contract_modules() for port, listed in module.contracts.items()}


def fakes() -> set[str]:
    return {
        f"{dotted(path)}.{node.name}"
        for path in (ROOT / "tests" / "fakes").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and "Fake" in node.name
    }


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_a_port_has_one_to_six_methods(port: Port) -> None:
    assert 1 <= len(port.methods) <= MOST_METHODS


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_every_port_method_has_a_docstring(port: Port) -> None:
    silent = [node.name for node in port.methods if not ast.get_docstring(node)]
    facts = [node.name for node in port.methods if "property" in map(ast.unparse, node.decorator_list)]
    if port.is_observer or facts:
        assert ast.get_docstring(port.node)
        assert port.is_observer or silent == facts
    else:
        assert silent == []


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_port_names_have_no_technical_prefix_or_suffix(port: Port) -> None:
    name = port.node.name
    assert not name.endswith(("Port", "Repository", "Manager", "Service", "Impl", "Interface", "Protocol"))
    assert not name.startswith(("Abstract", "Base"))
    assert not (name[0] == "I" and name[1].isupper())


def test_an_observer_only_counts() -> None:
    answers = [
        f"{port.name}.{method.name}"
        for port in PORTS
        for method in port.methods
        if port.is_observer
        and (isinstance(method, ast.AsyncFunctionDef) or ast.unparse(method.returns or port.node) != "None")
    ]
    assert answers == []


def test_every_port_has_a_contract_test() -> None:
    contracts = all_contracts()
    assert [port.name for port in PORTS if port.name not in contracts] == []


def test_every_contract_is_run_over_an_adapter() -> None:
    no_adapter = [
        port for port, listed in all_contracts().items() if not any(each.startswith("pixel_") for each in listed)
    ]
    assert set(no_adapter) == NO_ADAPTER_YET


def test_every_fake_is_in_the_contract_of_its_adapter() -> None:
    held = {each for listed in all_contracts().values() for each in listed}
    assert sorted(fakes() - held) == []


def asserts(function: Function, helpers: dict[str, Function]) -> bool:
    """Say whether a test, or a function of its module that it calls, can fail on a wrong answer."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            called = helpers.get(name)
            if name in {"raises", "wait_until", "timeout"} or (
                called and called is not function and asserts(called, {})
            ):
                return True
    return False


def test_every_contract_test_asserts_something() -> None:
    empty = []
    for module in contract_modules():
        functions = {node.name: node for node in ast.walk(module.tree) if isinstance(node, Function)}
        tests = {name: node for name, node in functions.items() if name.startswith("test_")}
        silent = [name for name, node in tests.items() if not asserts(node, functions)]
        empty += [f"{module.path.name}:{name}" for name in silent if not name.endswith(NOTHING_IS_RAISED)]
    assert empty == []
