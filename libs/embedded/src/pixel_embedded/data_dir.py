"""The data directory of an embedded server: a lock, its port, its log."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InUseError(RuntimeError):
    """Another running process has a server on this data directory."""


@contextmanager
def claim(data_dir: Path) -> Iterator[Path]:
    """Create the directory, lock it for this process and yield its absolute path.

    The kernel releases the lock when the process dies. Raises InUseError.
    """
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise InUseError(f"{data_dir} is in use by process {lock.read().strip() or 'unknown'}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield data_dir


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Return whether the port of 127.0.0.1 accepts a connection."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def recall_port(data_dir: Path, name: str = "port") -> int:
    """Return the port used last time when it is free, else a new one, and store it.

    A stable port lets clients find a restarted server.
    """
    file = data_dir / name
    port = int(file.read_text()) if file.exists() else 0
    if port == 0 or not _can_bind(port):
        port = free_port()
        file.write_text(f"{port}\n")
    return port


def recall_secret(file: Path) -> str:
    """Return the secret in the file (mode 0600), generated the first time."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_name(file.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(secrets.token_urlsafe(24) + "\n")
        fresh.replace(file)
    return file.read_text().strip()


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections of the previous run in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
