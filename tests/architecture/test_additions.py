"""What is added as docs/architecture.md says is in use: each of them is wired, and in one place."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from pixel_gateway.adapters.inbound.http.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "services" / "gateway" / "src" / "pixel_gateway"
GENERATION = ROOT / "services" / "generation" / "src" / "pixel_generation"
NO_DUTIES = frozenset({"__init__", "ports", "duty", "change_jobs"})
"""Files of application/maintenance that hold what duties share."""
NO_KINDS = frozenset({"__init__", "messages"})
DUTY = re.compile(r'\bDuty\(\s*"(\w+)"')


@cache
def imports() -> dict[Path, set[str]]:
    """Return the modules that each file of generation imports, wherever in it."""
    return {
        path: {node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        for path in GENERATION.rglob("*.py")
    }


def importers(module: str, *, outside: Path) -> set[str]:
    """Return the files of generation that import a module or what is in it, except those of its own folder."""
    return {
        path.relative_to(GENERATION).as_posix()
        for path, imported in imports().items()
        if outside not in path.parents and any(f"{each}.".startswith(f"{module}.") for each in imported)
    }


def modules_in(folder: str, *, but: frozenset[str] = frozenset({"__init__"})) -> list[str]:
    """Return the dotted names of the modules and packages of a folder."""
    found = [
        path for path in (GENERATION / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    package = f"pixel_generation.{folder.replace('/', '.')}"
    return sorted(f"{package}.{path.stem}" for path in found if path.stem not in but)


def test_every_controller_is_in_the_list_of_routes_once() -> None:
    listed = [(each.__module__, each.__name__) for each in ROUTES]
    declared = [
        (".".join(["pixel_gateway", *path.relative_to(GATEWAY).with_suffix("").parts]), node.name)
        for path in sorted((GATEWAY / "adapters" / "inbound" / "http").rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and "Controller" in {ast.unparse(base) for base in node.bases}
    ]
    assert sorted(listed) == sorted(declared)


def test_every_duty_is_wired() -> None:
    folder = GENERATION / "application" / "maintenance"
    duties = modules_in("application/maintenance", but=NO_DUTIES)
    assert len(duties) > 10
    wired = {name: importers(name, outside=folder) & {"wiring/duties.py", "main.py"} for name in duties}
    assert [name for name, by in wired.items() if not by] == []


def test_every_duty_has_its_row_in_the_docs() -> None:
    names = DUTY.findall((GENERATION / "wiring" / "duties.py").read_text())
    assert len(names) > 10
    page = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_every_provider_is_wired_in_one_place() -> None:
    folder = GENERATION / "adapters" / "outbound" / "providers"
    providers = modules_in("adapters/outbound/providers")
    assert len(providers) > 1
    wired = {name: importers(name, outside=folder) for name in providers}
    assert {name: by for name, by in wired.items() if by != {"wiring/providers.py"}} == {}


def test_runner_and_messages_of_every_kind_are_wired_in_one_place() -> None:
    for folder in ("application/execution/runners", "adapters/work"):
        kinds = modules_in(folder, but=NO_KINDS)
        assert kinds
        wired = {name: importers(name, outside=GENERATION / folder) for name in kinds}
        assert {name: by for name, by in wired.items() if by != {"wiring/kinds.py"}} == {}
