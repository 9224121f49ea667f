"""Measurement and output of benchmarks: shuffled rounds, CPU per operation, ratios, one JSON object at the end."""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One run of one contestant: operations done, wall seconds, CPU seconds."""

    operations: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.operations / self.wall_s

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.operations * 1e6


@dataclass
class Meter:
    """Takes wall and CPU of this process and of the processes named by pid (and their children) around a block."""

    pids: Sequence[int] = ()
    _before: dict[int, float] = field(default_factory=dict)

    def start(self) -> None:
        self._before = self._cpu()
        self._self = _own_cpu()
        self._wall = time.perf_counter()

    def stop(self, operations: int) -> Sample:
        wall = time.perf_counter() - self._wall
        after = self._cpu()
        cpu = _own_cpu() - self._self + sum(now - self._before.get(pid, 0.0) for pid, now in after.items())
        return Sample(operations, wall, cpu)

    def _cpu(self) -> dict[int, float]:
        return {pid: seconds for root in self.pids for pid, seconds in _tree_cpu(root).items()}


def _own_cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _tree_cpu(root: int) -> dict[int, float]:
    """CPU seconds of a process and its descendants; a parent's figure includes children it has reaped."""
    found: dict[int, float] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
        waiting.extend(int(child) for child in children)
    return found


async def shuffled(
    contestants: Mapping[str, Callable[[], Awaitable[Sample]]], *, rounds: int = 3
) -> dict[str, list[Sample]]:
    """Run every contestant once a round, in a new order each round, so that drift of the machine hits all alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(rounds):
        random.shuffle(order)
        for name in order:
            sample = await contestants[name]()
            samples[name].append(sample)
            print(
                f"  round {number + 1}: {name:<34} {sample.rate:>12,.1f}/s {sample.cpu_us:>10,.1f} µs CPU", flush=True
            )
    return samples


def median_rate(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.rate for sample in samples)


def median_cpu(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.cpu_us for sample in samples)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def line(
    product: str, value: float, limit: str, against: float, *, ratio: float, target: str, unit: str = "/s"
) -> None:
    """Print one comparison: product, limit, ratio, target."""
    print(
        f"{product}: {value:,.2f}{unit} | {limit}: {against:,.2f}{unit} | ratio {ratio:.2f} (target {target})",
        flush=True,
    )


def finish(bench: str, ratios: Mapping[str, float], cpu_us: Mapping[str, float], **more: object) -> None:
    """Print the last line: one JSON object."""
    print(f"load average: {' '.join(f'{value:.2f}' for value in os.getloadavg())}")
    body = {
        "bench": bench,
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "cpu_us": {name: round(value, 1) for name, value in cpu_us.items()},
        "load": [round(value, 2) for value in os.getloadavg()],
        **more,
    }
    print(json.dumps(body), flush=True)
