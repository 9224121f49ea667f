"""Generates `src/pixel` and `src/pixel_limits` from `protos/`: messages, stubs, their types, and limits of fields.

`--check` fails on drift and writes nothing.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import field_limits
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
OUT = ROOT / "libs" / "protos" / "src"
PACKAGES = ("pixel", "pixel_limits")


def generate(out: Path) -> None:
    """Write the generated packages of every proto under `out`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "pixel").rglob("*.proto"))
    well_known = files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as scratch:
        compiled, validate = Path(scratch) / "compiled.binpb", Path(scratch) / "python"
        validate.mkdir()
        includes = [f"-I{PROTOS}", f"-I{well_known}"]
        _protoc(*includes, f"--python_out={validate}", field_limits.VALIDATE)
        kept = ("--include_imports", "--include_source_info")
        _protoc(*includes, *kept, f"--descriptor_set_out={compiled}", *sources)
        sys.path.insert(0, str(validate))
        option = import_module("buf.validate.validate_pb2").field
        described = FileDescriptorSet.FromString(compiled.read_bytes())
        _write_limits(out / "pixel_limits", field_limits.modules_of(described, option))
        compiled.write_bytes(field_limits.without_options(described, option).SerializeToString(deterministic=True))
        targets = [f"--{plugin}_out={out}" for plugin in ("python", "grpc_python", "mypy", "mypy_grpc")]
        # protoc finds its plugins on PATH; they are beside the interpreter.
        bin_dir = Path(sys.executable).parent
        plugins = [f"--plugin={bin_dir / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
        _protoc(f"--descriptor_set_in={compiled}", *plugins, *targets, *sources)
    for folder in [out / "pixel", *(path for path in (out / "pixel").rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()
    (out / "pixel" / "py.typed").touch()


def _protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit("protoc failed")


def _write_limits(folder: Path, modules: dict[str, str]) -> None:
    folder.mkdir()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    for name in ("__init__.py", "py.typed"):
        (folder / name).touch()


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
            if names := [name for package in PACKAGES for name in drifted(fresh / package, OUT / package)]:
                sys.exit("generated code differs from protos/, run `make protos`: " + ", ".join(names))
            return
        for package in PACKAGES:
            shutil.rmtree(OUT / package, ignore_errors=True)
            shutil.copytree(fresh / package, OUT / package)


if __name__ == "__main__":
    main()
