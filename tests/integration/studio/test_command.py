"""The `studio` command on a separate directory."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED_WITHIN_S = 120.0
STOPPED_WITHIN_S = 10.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PIXEL_", "OPENAI_"))}


def studio(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "pixel_studio", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=STARTED_WITHIN_S
    )


@contextmanager
def studio_up(cwd: Path, ready: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `studio up --first-picture` until the block ends; give it and what it printed up to the line `ready`."""
    command = [sys.executable, "-m", "pixel_studio", "up", "--port=0", "--first-picture"]
    with (
        (cwd / "up.log").open("ab") as errors,
        subprocess.Popen(command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        assert child.stdout is not None
        overdue = threading.Timer(STARTED_WITHIN_S, child.kill)
        overdue.start()
        try:
            lines: list[str] = []
            while not lines or not lines[-1].startswith(ready):
                line = child.stdout.readline()
                assert line, (cwd / "up.log").read_text()
                lines.append(line.strip())
            yield child, lines
        finally:
            overdue.cancel()
            if child.poll() is None:
                child.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_a_second_start_keeps_everything_and_prints_the_same_lines(home: Path) -> None:
    printed = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with studio_up(home, "first picture: ") as (child, lines):
            child.send_signal(number)
            assert child.wait(STOPPED_WITHIN_S) == 0
        printed.append(lines)
    assert [line.partition(": ")[0] for line in printed[0]] == ["address", "api key", "first picture"]
    assert printed[0][1:] == printed[1][1:]
    picture = Path(printed[0][2].removeprefix("first picture: "))
    with Image.open(picture) as opened:
        opened.load()
        assert min(opened.size) >= 512
    assert "Traceback" not in (home / "up.log").read_text()


def test_secrets_are_readable_by_their_owner_only(home: Path) -> None:
    data_dir = home / ".studio"
    secret = [data_dir / "key", *(data_dir / "secrets").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


def test_the_other_commands_find_the_running_studio(home: Path) -> None:
    with studio_up(home, "first picture: ") as (child, _):
        second = studio("up", "--port=0", cwd=home)
        assert second.returncode == 1
        assert f"in use by process {child.pid}" in second.stderr
        assert "Traceback" not in second.stderr

        options = ("--count=2", "--size=256x256", "--style=ink", "--out=art", "--json")
        made = studio("generate", "two boats 🛶 on a lake", *options, cwd=home)
        assert made.returncode == 0, made.stderr
        files = json.loads(made.stdout)["files"]
        assert files == ["art/two-boats-on-a-lake-1.png", "art/two-boats-on-a-lake-2.png"]
        for file in files:
            with Image.open(home / file) as opened:
                assert opened.size == (256, 256)

        refused = studio("generate", "a boat", "--style=no-such-style", cwd=home)
        assert refused.returncode == 1
        assert "style" in refused.stderr
        assert "Traceback" not in refused.stderr

        created = studio("keys", "create", "--user=ada", "--name=laptop", cwd=home)
        assert created.stdout.startswith("pxl_")
        listed = studio("keys", "list", "--user=ada", cwd=home).stdout
        assert "laptop" in listed
        key_id = listed.split()[0]
        assert studio("keys", "revoke", key_id, "--user=ada", cwd=home).returncode == 0
        assert "revoked" in studio("keys", "list", "--user=ada", cwd=home).stdout

        child.send_signal(signal.SIGTERM)
        assert child.wait(STOPPED_WITHIN_S) == 0


def test_generate_starts_a_studio_when_none_runs(home: Path) -> None:
    made = studio("generate", "a hill", "--size=256x256", "--seed=3", "--out=alone", cwd=home)
    assert made.returncode == 0, made.stderr
    assert made.stdout == "alone/a-hill-1.png\n"
    assert "100%" in made.stderr


def test_wrong_usage_exits_with_2(home: Path) -> None:
    assert studio("generate", cwd=home).returncode == 2
    assert studio("up", "--port=99999", cwd=home).returncode == 2


def test_an_address_that_does_not_answer_is_reported_in_one_line(home: Path, free_port: int) -> None:
    asked = studio("generate", "x", f"--address=http://127.0.0.1:{free_port}", "--api-key=pxl_x", cwd=home)
    assert asked.returncode == 1
    assert asked.stderr.startswith("studio: the studio does not answer")


def test_an_address_without_a_key_is_refused(home: Path) -> None:
    asked = studio("generate", "x", "--address=http://127.0.0.1:1", cwd=home)
    assert asked.returncode == 1
    assert "--api-key" in asked.stderr


@pytest.mark.parametrize("command", [(), ("up",), ("generate",), ("doctor",), ("keys",), ("keys", "create")])
def test_every_command_has_help(home: Path, command: tuple[str, ...]) -> None:
    shown = studio(*command, "--help", cwd=home)
    assert shown.returncode == 0
    assert "Usage: studio" in shown.stdout


def test_the_version_is_printed(home: Path) -> None:
    assert studio("--version", cwd=home).stdout.startswith("studio ")
