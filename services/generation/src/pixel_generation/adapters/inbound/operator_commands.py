"""Text output of the operator's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.application.maintenance.replay_jobs import Replayed


def format_rules(results: Sequence[RuleResult]) -> tuple[str, bool]:
    """Return a table of the rules, and whether none is violated."""
    width = max(len(result.name) for result in results)
    lines = [f"{'rule':{width}}  violations  examples"]
    lines += [f"{result.name:{width}}  {result.violations:10}  {'; '.join(result.examples)}" for result in results]
    return "\n".join(line.rstrip() for line in lines), not any(result.violations for result in results)


def format_replay(replayed: Replayed) -> tuple[str, bool]:
    """Return the result of the replay, and whether every row equals its events."""
    lines = [f"{job_id.hex}  {difference}" for job_id, difference in replayed.differing.items()]
    lines.append(f"{replayed.jobs} jobs replayed, {len(replayed.differing)} differ from their rows")
    return "\n".join(lines), not replayed.differing
