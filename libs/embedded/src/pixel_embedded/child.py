"""Child processes that never outlive this one: started with a log file, awaited until ready, stopped in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOG_LIMIT_BYTES = 10_000_000
_QUOTED_LINES = 12
_PROBE_EVERY_S = 0.02


class StartFailedError(RuntimeError):
    """A server did not start; the message quotes the end of its log."""


@dataclass
class Child:
    """One server process started by this one.

    `stop_signal` asks it to end, `kill_signal` follows after `grace_s`. `setpriv_options` set the account that
    runs it.
    """

    name: str
    command: Sequence[str]
    log: Path
    cwd: Path
    env: Mapping[str, str] | None = None
    setpriv_options: Sequence[str] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    grace_s: float = 10.0
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _log_start: int = field(default=0, init=False)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of the ended process, or None while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *launcher(self.stop_signal, self.setpriv_options),
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.cwd,
                env=None if self.env is None else dict(self.env),
                # Its own session: Ctrl-C reaches only this process, which stops the servers in order.
                start_new_session=True,
            )

    async def wait_ready(self, ready: Callable[[], bool], *, within_s: float) -> None:
        """Return when `ready` is true; raise StartFailedError when the process ends first or the time is over."""
        try:
            async with asyncio.timeout(within_s):
                while not await asyncio.to_thread(ready):
                    if self.exit_code is not None:
                        raise StartFailedError(self._failure(f"ended with code {self.exit_code}"))
                    await asyncio.sleep(_PROBE_EVERY_S)
        except TimeoutError:
            raise StartFailedError(self._failure(f"was not ready within {within_s:g} s")) from None

    async def ended(self) -> int:
        """Wait until the process ends by itself or is stopped; return its exit code."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the process and wait for its end. Does nothing when it has ended already."""
        if self._process is None:
            return
        for sent, wait_s in ((self.stop_signal, self.grace_s), (self.kill_signal, 5.0), (signal.SIGKILL, None)):
            if self.exit_code is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(sent)
            try:
                async with asyncio.timeout(wait_s):
                    await self._process.wait()
            except TimeoutError:
                continue
            return

    def said(self) -> str:
        """Return the log written since the process was started."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def _failure(self, what: str) -> str:
        return f"{self.name} {what}; the end of {self.log}:\n{tail(self.log)}"


def launcher(on_parent_death: signal.Signals, setpriv_options: Sequence[str] = ()) -> list[str]:
    """Return the command prefix that makes the kernel send the signal to the child when this process dies.

    Linux only. Elsewhere the next start finds and stops the orphan.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    return [setpriv, "--pdeathsig", on_parent_death.name, *setpriv_options, "--"]


def tail(log: Path, lines: int = _QUOTED_LINES) -> str:
    """Return the last lines of a log file, indented."""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
