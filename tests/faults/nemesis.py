"""Seeded faults: the same seed gives the same plan. The seed is printed; FAULT_SEED=… repeats its plan."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pixel_studio.services import Process

IS_FULL = os.environ.get("PROFILE") == "full"


only_full = pytest.mark.skipif(not IS_FULL, reason="make faults runs it")


def sized(*, short: float, full: float) -> float:
    """Return the size of a scenario in the current profile."""
    return full if IS_FULL else short


def seeded(scenario: str) -> random.Random:
    """Return the scenario's random generator."""
    seed = os.environ.get("FAULT_SEED") or secrets.token_hex(4)
    print(f"{scenario}: FAULT_SEED={seed}", flush=True)
    return random.Random(f"{seed} {scenario}")


@dataclass(frozen=True)
class Kill:
    """A process that is killed after a pause."""

    after_s: float
    victim: str


def plan_kills(
    draws: random.Random, victims: Sequence[str], number: int, *, pause_s: tuple[float, float]
) -> list[Kill]:
    return [Kill(draws.uniform(*pause_s), draws.choice(victims)) for _ in range(number)]


async def stop_for(process: Process, seconds: float) -> None:
    """Freeze a process and resume it: it does not notice the pause."""
    pid = process.child.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def postmaster(data_dir: Path) -> int:
    """Return the pid of the database server that runs on the directory."""
    return int((data_dir / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])


def kill_postmaster(data_dir: Path) -> None:
    os.kill(postmaster(data_dir), signal.SIGKILL)
