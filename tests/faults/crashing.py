"""Workers that die at one named point: `python -m tests.faults.crashing SETTINGS_JSON` forks them as in its input.

A point is `before STEP` or `after STEP`; the steps are the port calls in the life of one job, named by `steps`. A line
is `POINT WORKERS`; the answer is `dead N` once that many have died. One process that has imported everything forks the
others, so a kill costs milliseconds. `python -m tests.faults.crashing` without settings lists the points.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field

from pixel_generation.settings import Settings
from pixel_runtime.secret import Secret

from tests.faults.ports import run_engine

PICTURES = 10
CALLS = {"PostgresJobs.claim", "PostgresJobs.write", "TextToImage.generate", "GrpcAssets.store"}
GIVE_UP_S = 45
AT_ONCE = 4
"""Concurrent workers; with more, starting takes so long on two cores that they lose their short leases."""


def steps(pictures: int = PICTURES) -> list[str]:
    """Return every port call of a job with this many outputs, in order."""
    named = ["claiming", "announcing the call"]
    for picture in range(1, pictures + 1):
        named += [f"receiving picture {picture}", f"storing picture {picture}", f"recording picture {picture}"]
    return [*named, "ending"]


def points(pictures: int = PICTURES) -> list[str]:
    """Return every point of a job: one response has all images, so no call precedes the later ones."""
    received = {f"receiving picture {picture}" for picture in range(2, pictures + 1)}
    named = steps(pictures)
    return [f"after {step}" for step in named] + [f"before {step}" for step in named[1:] if step not in received]


UNKNOWN = {"after announcing the call", "before receiving picture 1"}
"""Points at which the call is recorded but not made: its outcome is unknown, so it is not repeated."""


@dataclass
class Dies:
    """Kills its process at the point; an empty claim does not count."""

    point: str
    named: list[str] = field(default_factory=steps)
    done: int = 0

    def before(self, call: str) -> None:
        if call in CALLS and self.point == f"before {self._step}" and (self.done or call != "PostgresJobs.claim"):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, call: str, *, found: bool) -> None:
        if call not in CALLS or (call == "PostgresJobs.claim" and (self.done or not found)):
            return
        if self.point == f"after {self._step}":
            os.kill(os.getpid(), signal.SIGKILL)
        self.done += 1

    def twice(self, _call: str) -> bool:
        return False

    @property
    def _step(self) -> str:
        return self.named[self.done] if self.done < len(self.named) else ""


async def work(settings: Settings, point: str) -> None:
    async with run_engine(settings, Dies(point), roles=frozenset({"work"})):
        await asyncio.sleep(GIVE_UP_S)


def fork_workers(settings: Settings, point: str, number: int) -> int:
    """Fork the workers, a few at once, and wait for each; return how many were killed."""
    killed = 0
    for first in range(0, number, AT_ONCE):
        children = [fork_worker(settings, point) for _ in range(min(AT_ONCE, number - first))]
        ends = [os.waitpid(child, 0)[1] for child in children]
        killed += sum(os.WIFSIGNALED(end) and os.WTERMSIG(end) == signal.SIGKILL for end in ends)
    return killed


def fork_worker(settings: Settings, point: str) -> int:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work(settings, point))
        finally:
            os._exit(1)
    return child


def main() -> None:
    if len(sys.argv) == 1:
        print("\n".join(points()))
        return
    settings = Settings(**json.loads(sys.argv[1]), openai_api_key=Secret("sk-test"))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where the workers log
    for line in sys.stdin:
        point, _, number = line.strip().rpartition(" ")
        print(f"dead {fork_workers(settings, point, int(number))}", file=answers, flush=True)


if __name__ == "__main__":
    main()
