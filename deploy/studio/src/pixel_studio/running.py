"""The record of a running studio, read by the commands that connect to it."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "run.json"
PROBE_S = 2.0


@dataclass(frozen=True)
class Running:
    """One running studio."""

    pid: int
    address: str
    """Public HTTP address."""
    grpc_address: str
    """The gateway's gRPC address on this machine."""


@contextmanager
def recorded(data_dir: Path, running: Running) -> Iterator[None]:
    """Store the record in the data directory while the block runs."""
    file = data_dir / FILE
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(asdict(running)))
    fresh.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_running(data_dir: Path) -> Running | None:
    """Return the studio that runs on this directory, or None; ignores the record of a killed process."""
    try:
        running = msgspec.json.decode((data_dir / FILE).read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None
    return running if _is_alive(running.pid) and _answers(running.address) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=PROBE_S):
            return True
    except OSError:
        return False
