"""Workers that die at one named point: `python -m tests.faults.crashing SETTINGS_JSON` forks them as its input says.

A point is `before X` or `after X` with X the number of a port call in the life of one job: claim, announce the call,
the provider's answer, each picture stored and recorded, the end. A line is `POINT WORKERS`; the answer is `dead N`
once that many have died. One process that has imported everything forks the others, so a kill costs milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass

from pixel_generation.settings import Settings
from pixel_runtime.secret import Secret

from tests.faults.ports import run_engine

STEPS = {"PostgresJobs.claim", "PostgresJobs.write", "ImageModel.generate", "GrpcAssets.store"}
GIVE_UP_S = 30


@dataclass
class Dies:
    """Kills its process at the point; a claim that found nothing is no step."""

    point: str
    steps: int = 0

    def before(self, call: str) -> None:
        if call in STEPS and self.point == f"before {self.steps}" and (self.steps or call != "PostgresJobs.claim"):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, call: str, *, found: bool) -> None:
        if call not in STEPS or (call == "PostgresJobs.claim" and (self.steps or not found)):
            return
        if self.point == f"after {self.steps}":
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1

    def twice(self, _call: str) -> bool:
        return False


def points(pictures: int) -> list[str]:
    """Return every point of a job with so many pictures: claim, call, answer, store and record of each, the end."""
    last = 2 + 3 * pictures
    answers = range(5, last, 3)  # one answer brings all pictures, so nothing is called before the later ones
    return [f"after {step}" for step in range(last + 1)] + [
        f"before {step}" for step in range(1, last + 1) if step not in answers
    ]


UNKNOWN = {"after 1", "before 2"}
"""Points at which the call is announced and not made: nobody can know that it was not, so it is not made again."""


async def work(settings: Settings, point: str) -> None:
    async with run_engine(settings, Dies(point), roles=frozenset({"work"})):
        await asyncio.sleep(GIVE_UP_S)


def fork_workers(settings: Settings, point: str, number: int) -> int:
    """Fork the workers, wait for each; return how many were killed."""
    children = []
    for _ in range(number):
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(work(settings, point))
            finally:
                os._exit(1)
        children.append(child)
    ends = [os.waitpid(child, 0)[1] for child in children]
    return sum(os.WIFSIGNALED(end) and os.WTERMSIG(end) == signal.SIGKILL for end in ends)


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]), openai_api_key=Secret("sk-test"))
    for line in sys.stdin:
        point, _, number = line.strip().rpartition(" ")
        print(f"dead {fork_workers(settings, point, int(number))}", flush=True)


if __name__ == "__main__":
    main()
