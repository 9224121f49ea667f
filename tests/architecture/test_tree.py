"""The shape of the tree: layers, names, sizes, and forbidden text."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "generation", "media", "social")
LIBS = ("errors", "protos", "runtime", "telemetry", "rpc", "postgres", "events", "blobs", "cache", "embedded")
HARD_LINES = 400
FUNCTION_LINES = 60
MEDIAN_LINES = 80
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "shared", "misc", "base"}
REGISTRY_HOSTS = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|repo1?\.maven|crates\.io|deb\.debian", re.IGNORECASE
)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def own_python() -> list[Path]:
    return [path for path in tracked("*.py") if "libs/protos/src" not in path.as_posix()]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_layers(service: str) -> None:
    package = ROOT / "services" / service / "src" / f"pixel_{service}"
    for layer in ("domain", "application", "adapters/inbound", "adapters/outbound", "sql", "migrations"):
        assert (package / layer).is_dir(), f"{service} has no {layer}"
    for module in ("__main__.py", "main.py", "settings.py"):
        assert (package / module).is_file(), f"{service} has no {module}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_readme_of_one_page(service: str) -> None:
    readme = ROOT / "services" / service / "README.md"
    assert len(readme.read_text().splitlines()) <= 80


def test_every_lib_is_its_own_package() -> None:
    assert {path.name for path in (ROOT / "libs").iterdir() if path.is_dir()} == set(LIBS)


def test_no_folder_or_module_has_a_catch_all_name() -> None:
    named = [path for path in own_python() if FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts}]
    assert named == []


def test_files_stay_below_the_hard_limit() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in own_python()
        if (lines := len(path.read_text().splitlines())) > HARD_LINES
    }
    assert long == {}


def product_python() -> list[Path]:
    return [path for path in own_python() if "tests" not in path.relative_to(ROOT).parts]


def test_half_of_the_product_files_are_short() -> None:
    lengths = [len(path.read_text().splitlines()) for path in product_python()]
    assert statistics.median(length for length in lengths if length) <= MEDIAN_LINES


def long_functions(tree: ast.Module) -> dict[str, int]:
    """Return the functions over the limit with their lines; functions defined inside count as part of it."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    return {name: lines for name, lines in lengths if lines > FUNCTION_LINES}


def test_functions_stay_below_the_hard_limit() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in product_python()
        for name, lines in long_functions(ast.parse(path.read_text())).items()
    }
    assert long == {}


def test_lines_of_inner_functions_count() -> None:
    inner = "\n".join(["        pass"] * FUNCTION_LINES)
    tree = ast.parse(f"def outer():\n    def inner():\n{inner}\n    return inner\n")
    assert set(long_functions(tree)) == {"outer", "inner"}


def test_no_sql_is_written_in_python() -> None:
    statement = re.compile(r"""["'](?:\s|\\n)*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\s""")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in own_python()
        if path.relative_to(ROOT).parts[0] == "services"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if statement.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_migration_has_its_revision(service: str) -> None:
    folder = ROOT / "services" / service / "src" / f"pixel_{service}" / "migrations"
    scripts = {path.stem for path in folder.glob("*.sql")}
    assert scripts
    assert {path.stem for path in (folder / "versions").glob("[0-9]*.py")} == scripts


def test_nothing_names_a_package_registry_or_a_path_of_one_machine() -> None:
    texts = [path for path in tracked() if path.suffix not in {".lock", ".binpb", ".png", ".jpg"}]
    found = []
    for path in texts:
        if path == Path(__file__).resolve():
            continue
        text = path.read_text(errors="ignore")
        if REGISTRY_HOSTS.search(text) or "/work/" + "main" in text:
            found.append(path.relative_to(ROOT).as_posix())
    assert found == []


def test_dangerous_calls_are_not_used() -> None:
    dangerous = re.compile(r"\b(pickle\.loads?|yaml\.load|eval|exec|os\.system)\(|shell=True")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in own_python()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if dangerous.search(line)
    ]
    assert found == []
