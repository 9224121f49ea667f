"""Generates `src/pixel` from `protos/`: messages, stubs and their types. `--check` fails on drift, writes nothing."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
OUT = ROOT / "libs" / "protos" / "src"


def generate(out: Path) -> None:
    """Write the generated packages of every proto under `out`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    well_known = files("grpc_tools") / "_proto"
    targets = [f"--{plugin}_out={out}" for plugin in ("python", "grpc_python", "mypy", "mypy_grpc")]
    # protoc finds its plugins on PATH; they are beside the interpreter.
    bin_dir = Path(sys.executable).parent
    plugins = [f"--plugin={bin_dir / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", *plugins, *targets, *sources]) != 0:
        sys.exit("protoc failed")
    for folder in [out / "pixel", *(path for path in (out / "pixel").rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()
    (out / "pixel" / "py.typed").touch()


def drifted(fresh: Path, committed: Path) -> list[str]:
    """Return the files that differ, are missing or are left over, relative to the package root."""
    names = {str(p.relative_to(fresh)) for p in fresh.rglob("*.py*")}
    present = {str(p.relative_to(committed)) for p in committed.rglob("*.py*") if "__pycache__" not in p.parts}
    missing = names ^ present
    differing = {n for n in names & present if not filecmp.cmp(fresh / n, committed / n, shallow=False)}
    return sorted(missing | differing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the committed files differ from the protos")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        if check:
            if names := drifted(fresh / "pixel", OUT / "pixel"):
                sys.exit("generated code differs from protos/, run `make protos`: " + ", ".join(names))
            return
        shutil.rmtree(OUT / "pixel", ignore_errors=True)
        shutil.copytree(fresh / "pixel", OUT / "pixel")


if __name__ == "__main__":
    main()
