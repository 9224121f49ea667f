"""Removes each guard and expects its test to fail: `python -m tests.faults.guards [--only NAME] [--list]`.

The tree is copied to a temporary folder; there the tests named below have to pass as the code is, and each has to fail
with its one guard removed. A guard whose removal no test notices is reported, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.guard_list import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]
TEST_FAILED = 1


def copy_tree(target: Path) -> None:
    """Copy the tracked files, and link the tools beside them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in (".tools", ".venv"):
        (target / name).symlink_to(ROOT / name)


def run_tests(tree: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy against the sources of the copy."""
    sources = [str(path) for path in sorted([*tree.glob("services/*/src"), *tree.glob("libs/*/src")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*sources, str(tree / "deploy/studio/src")]),
        "PYTHONDONTWRITEBYTECODE": "1",  # so that a file changed and restored within a second is compiled again
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def is_noticed(tree: Path, guard: Guard) -> bool:
    """Remove the guard, run its test, restore it."""
    path = tree / guard.file
    code = path.read_text()
    if guard.text not in code:
        raise SystemExit(f"{guard.name}: {guard.file} no longer holds the text of this guard")
    path.write_text(code.replace(guard.text, guard.instead))
    try:
        return run_tests(tree, [guard.test]).returncode == TEST_FAILED
    finally:
        path.write_text(code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.guards", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--only", help="one guard by name, or a part of it")
    parser.add_argument("--list", action="store_true", help="name the guards and run nothing")
    options = parser.parse_args()
    chosen = [guard for guard in GUARDS if not options.only or options.only in guard.name]
    if options.list:
        print("\n".join(f"{guard.name}: {guard.file}, {guard.test}" for guard in chosen))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        whole = run_tests(tree, sorted({guard.test for guard in chosen}))
        if whole.returncode != 0:
            print(whole.stdout[-4000:])
            print("the tests do not pass with every guard in place")
            return 1
        unnoticed = 0
        for guard in chosen:
            noticed = is_noticed(tree, guard)
            unnoticed += not noticed
            print(f"{'noticed' if noticed else 'NOT NOTICED':<12} {guard.name}", flush=True)
    return 1 if unnoticed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
