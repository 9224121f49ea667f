"""Takes each guard out and sees its test fail: `python -m tests.faults.guards [--only NAME] [--list]`.

The tree is copied to a temporary folder; there the tests named below have to pass as the code is, and each has to fail
with its one guard removed. A guard whose removal no test notices is reported, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATION = "services/generation/src/pixel_generation"
CHANGES, JOBS, SUBMISSIONS = (f"{GENERATION}/sql/{name}.sql" for name in ("changes", "jobs", "submissions"))
OUTBOX = "libs/events/src/pixel_events/sql/outbox.sql"
JOB_TESTS = "tests/contract/generation/test_jobs.py"
SUBMISSION_TESTS = "tests/contract/generation/test_submissions.py"
RELAY_TESTS = "tests/integration/events/test_outbox_relay.py"
TEST_FAILED = 1


@dataclass(frozen=True)
class Guard:
    """A guard, where it stands, what takes it out (everywhere in the file) and the test that must notice."""

    name: str
    file: str
    text: str
    instead: str
    test: str


GUARDS = [
    Guard(
        "fencing by attempt and sequence",
        CHANGES,
        "AND j.attempt = %(attempt)s::integer\n        AND j.sequence = %(sequence)s::bigint - 1\n",
        "\n",
        f"{JOB_TESTS}::test_the_first_worker_is_fenced_once_another_runs_the_job[postgres]",
    ),
    Guard(
        "lease check",
        CHANGES,
        "WHEN 'worker' THEN j.lease_until > now()",
        "WHEN 'worker' THEN true",
        f"{JOB_TESTS}::test_a_worker_whose_lease_is_over_writes_nothing[postgres]",
    ),
    Guard(
        "holder clause",
        CHANGES,
        "WHEN 'heir' THEN j.lease_until <= now()",
        "WHEN 'heir' THEN true",
        f"{JOB_TESTS}::test_an_heir_takes_over_only_when_the_lease_is_over[postgres]",
    ),
    Guard(
        "settled once",
        CHANGES,
        "AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer\n"
        "        AND j.sequence = %(sequence)s::bigint - 1\n",
        "\n",
        f"{JOB_TESTS}::test_a_job_is_settled_once_however_often_it_is_tried[postgres]",
    ),
    Guard(
        "claim takes what nobody holds",
        JOBS,
        "    LIMIT %(limit)s::bigint\n    FOR NO KEY UPDATE SKIP LOCKED\n",
        "    LIMIT %(limit)s::bigint\n",
        f"{JOB_TESTS}::test_a_claimed_job_is_started_once[postgres]",
    ),
    Guard(
        "dead lease",
        JOBS,
        "j.status = 'processing' AND j.lease_until > now()\nRETURNING",
        "j.status = 'processing'\nRETURNING",
        f"{JOB_TESTS}::test_a_lease_that_is_over_is_not_revived[postgres]",
    ),
    Guard(
        "deadline",
        JOBS,
        "j.status IN ('queued', 'processing') AND j.deadline_at <= now()",
        "j.status IN ('queued', 'processing') AND false",
        f"{JOB_TESTS}::test_a_job_past_its_deadline_is_found_and_ended_by_anyone[postgres]",
    ),
    Guard(
        "inbox",
        "libs/events/src/pixel_events/inbox.py",
        '"event_id": event_id}) == 1',
        '"event_id": event_id}) >= 0',
        "tests/integration/events/test_inbox.py::test_an_event_is_new_once_per_consumer",
    ),
    Guard(
        "unique money of a round",
        f"{GENERATION}/migrations/0004_engine.sql",
        "ADD CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, round, kind)",
        "ADD CONSTRAINT ledger_transfers_once_per_job CHECK (true)",
        "tests/faults/test_schema_guards.py::test_a_round_has_one_transfer_of_each_kind",
    ),
    Guard(
        "append-only ledger",
        f"{GENERATION}/migrations/0002_ledger.sql",
        "RAISE EXCEPTION 'the ledger is append-only",
        "RETURN NULL; RAISE EXCEPTION 'the ledger is append-only",
        "tests/faults/test_schema_guards.py::test_what_was_booked_is_not_changed",
    ),
    Guard(
        "outbox horizon",
        OUTBOX,
        "o.xid < pg_snapshot_xmin(pg_current_snapshot())\n    AND ",
        "",
        f"{RELAY_TESTS}::test_an_event_behind_an_open_transaction_waits_and_comes_soon_after_it",
    ),
    Guard(
        "one relay leads",
        OUTBOX,
        "SELECT pg_try_advisory_lock(hashtext('pixel_events.relay'), hashtext(current_schema())) AS taken",
        "SELECT true AS taken",
        f"{RELAY_TESTS}::test_one_of_two_relays_leads_and_the_other_takes_over",
    ),
    Guard(
        "idempotency key",
        SUBMISSIONS,
        "f.is_fitting AND (f.key = '' OR f.job_id IN (SELECT k.job_id FROM keyed AS k))",
        "f.is_fitting",
        f"{SUBMISSION_TESTS}::test_one_key_from_many_doors_at_once_makes_one_job[postgres]",
    ),
    Guard(
        "account lock",
        SUBMISSIONS,
        "ORDER BY c.user_id\n    FOR NO KEY UPDATE\n",
        "ORDER BY c.user_id\n",
        f"{SUBMISSION_TESTS}::test_two_hundred_at_once_spend_a_balance_of_ten_exactly[postgres]",
    ),
    Guard(
        "no blind second call",
        f"{GENERATION}/domain/recovery.py",
        "job.stage is not Stage.STARTING and not repeatable",
        "False",
        "tests/unit/generation/test_job.py::test_a_run_lost_in_its_call_is_repeated_only_where_that_is_free",
    ),
    Guard(
        "announced before the call",
        f"{GENERATION}/domain/job.py",
        "(GENERATING, Move.DELIVER): UPLOADING,",
        "(GENERATING, Move.DELIVER): UPLOADING, (STARTING, Move.DELIVER): UPLOADING,",
        "tests/faults/test_schema_guards.py::test_nothing_is_delivered_before_its_call_was_announced",
    ),
]


def copy_tree(target: Path) -> None:
    """Copy what git would track, and point to the tools that are beside it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in (".tools", ".venv"):
        (target / name).symlink_to(ROOT / name)


def run_tests(tree: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy against the sources of the copy."""
    sources = [str(path) for path in sorted([*tree.glob("services/*/src"), *tree.glob("libs/*/src")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sources, str(tree / "deploy/studio/src")])}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def is_noticed(tree: Path, guard: Guard) -> bool:
    """Take the guard out, run its test, put it back."""
    path = tree / guard.file
    code = path.read_text()
    if guard.text not in code:
        raise SystemExit(f"{guard.name}: {guard.file} no longer holds the text of this guard")
    path.write_text(code.replace(guard.text, guard.instead))
    try:
        return run_tests(tree, [guard.test]).returncode == TEST_FAILED
    finally:
        path.write_text(code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.guards", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--only", help="one guard by name, or a part of it")
    parser.add_argument("--list", action="store_true", help="name the guards and run nothing")
    options = parser.parse_args()
    chosen = [guard for guard in GUARDS if not options.only or options.only in guard.name]
    if options.list:
        print("\n".join(f"{guard.name}: {guard.file}, {guard.test}" for guard in chosen))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        whole = run_tests(tree, sorted({guard.test for guard in chosen}))
        if whole.returncode != 0:
            print(whole.stdout[-4000:])
            print("the tests do not pass with every guard in place")
            return 1
        unnoticed = 0
        for guard in chosen:
            noticed = is_noticed(tree, guard)
            unnoticed += not noticed
            print(f"{'noticed' if noticed else 'NOT NOTICED':<12} {guard.name}", flush=True)
    return 1 if unnoticed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
