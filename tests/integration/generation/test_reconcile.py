"""The rules of the ledger: no violation in rows of the engine, and each injected one is found."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pixel_generation.adapters.metrics import LEDGER_VIOLATIONS, LedgerMetrics
from pixel_generation.adapters.outbound.postgres.all_jobs import PostgresAllJobs
from pixel_generation.adapters.outbound.postgres.ledger_rules import RULES, PostgresLedgerRules
from pixel_generation.application.maintenance.ports import LedgerRules
from pixel_generation.application.maintenance.reconcile_ledger import reconcile_as_leader, reconcile_ledger
from pixel_generation.application.maintenance.replay_jobs import replay_jobs
from pixel_generation.domain.billing.budgets import Scope, Unit
from pixel_generation.wiring.kinds import KINDS
from pixel_postgres import load_queries

from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

CONTRACTS = {LedgerRules: (PostgresLedgerRules,)}

DROP_UNIQUE = "ALTER TABLE ledger_transfers DROP CONSTRAINT ledger_transfers_once_per_job"
BREACHES = load_queries("tests.integration.generation", "breaches.sql")


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as submitter:
        yield submitter


async def fill(submitter: Submitter) -> None:
    """Write jobs of every final state, a running one and a queued one, under budgets."""
    user = await submitter.user(100)
    await submitter.budget(Scope.USER, user.hex, 1_000)
    await submitter.budget(Scope.PLATFORM, "", 10_000_000, unit=Unit.USD_MICROS)
    endings = Endings(submitter)
    await endings.completed(user, images=3, delivered=1, cost_usd_micros=100)
    await endings.completed(user, cost_usd_micros=100)
    await endings.failed(user, cost_usd_micros=100)
    await endings.claimed(user, cost_usd_micros=100)
    await endings.queued(user, cost_usd_micros=100)


async def broken_rules(submitter: Submitter) -> set[str]:
    results = await reconcile_ledger(rules=PostgresLedgerRules(submitter.pool), observer=LedgerMetrics())
    assert {result.name for result in results} == {rule.removeprefix("check_") for rule in RULES}
    for result in results:
        assert LEDGER_VIOLATIONS.labels(result.name)._value.get() == result.violations
        assert bool(result.examples) is bool(result.violations)
    return {result.name for result in results if result.violations}


async def test_jobs_of_every_final_state_break_no_rule(submitter: Submitter) -> None:
    await Endings(submitter).of_every_kind(await submitter.user(100))
    await fill(submitter)
    assert await broken_rules(submitter) == set()


@pytest.fixture(scope="module")
async def filled(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as submitter:
        await fill(submitter)
        yield submitter


@pytest.mark.parametrize("rule", sorted(BREACHES))
async def test_a_breach_is_found_by_its_rule(filled: Submitter, rule: str) -> None:
    query = load_queries("pixel_generation.sql", "reconcile.sql")[f"check_{rule}"]
    async with filled.admin.transaction(force_rollback=True):
        assert await filled.row(query) == {"violations": 0, "examples": None}
        await filled.run("SET LOCAL session_replication_role = replica")
        await filled.run(DROP_UNIQUE)
        await filled.admin.execute(BREACHES[rule])
        found = await filled.row(query)
    assert found["violations"] >= 1
    assert found["examples"]


def test_every_rule_has_a_breach_that_it_finds() -> None:
    assert {rule.removeprefix("check_") for rule in RULES} == set(BREACHES)


class Checks:
    def __init__(self) -> None:
        self.rules: list[str] = []

    def checked(self, rule: str, violations: int) -> None:
        self.rules.append(rule)


async def test_one_process_runs_the_nightly_reconciliation(submitter: Submitter) -> None:
    rules = PostgresLedgerRules(submitter.pool)
    async with rules.lead() as leading:
        assert leading
        async with PostgresLedgerRules(submitter.pool).lead() as also:
            assert not also
        unseen = Checks()
        await reconcile_as_leader(rules=PostgresLedgerRules(submitter.pool), observer=unseen)
        assert unseen.rules == []
    seen = Checks()
    await reconcile_as_leader(rules=rules, observer=seen)
    assert len(seen.rules) == len(RULES)


async def test_replaying_events_gives_the_rows_and_a_changed_row_is_found(submitter: Submitter) -> None:
    user = await submitter.user(100)
    endings = Endings(submitter)
    jobs = await endings.of_every_kind(user)
    all_jobs = PostgresAllJobs(submitter.pool, KINDS)
    replayed = await replay_jobs(100, jobs=all_jobs, history=endings.jobs, kinds=KINDS)
    assert (replayed.jobs, replayed.differing) == (len(jobs), {})
    assert (await replay_jobs(3, jobs=all_jobs, history=endings.jobs, kinds=KINDS)).jobs == 3
    changed, gone = jobs["completed"].id, jobs["failed"].id
    await submitter.run("UPDATE live_jobs SET retry_count = retry_count + 1 WHERE id = %s", changed)
    await submitter.run("DELETE FROM job_events WHERE job_id = %s AND sequence = 2", gone)
    replayed = await replay_jobs(100, jobs=all_jobs, history=endings.jobs, kinds=KINDS)
    assert replayed.differing[changed] == "retry_count"
    assert replayed.differing.keys() == {changed, gone}


async def test_the_commands_report_the_result_by_exit_code(make_database: MakeDatabase) -> None:
    async with open_submitter(make_database) as submitter:
        await fill(submitter)
        assert await command(submitter, "reconcile") == (0, "transfers_sum_to_zero                   0")
        assert await command(submitter, "replay") == (0, "5 jobs replayed, 0 differ from their rows")
        await submitter.run("UPDATE accounts SET open_jobs = open_jobs + 1")
        await submitter.run("UPDATE live_jobs SET progress = 1")
        assert (await command(submitter, "reconcile"))[0] == 1
        code, told = await command(submitter, "replay")
        assert (code, told.split("  ")[1]) == (1, "progress")


async def test_a_command_that_cannot_check_reports_failure(submitter: Submitter) -> None:
    away = replace(submitter, url="postgresql://generation@127.0.0.1:1/pixel?connect_timeout=1")
    assert await command(away, "reconcile") == (3, "reconcile: the database does not answer (DATABASE_UNREACHABLE)")
    assert (await command(submitter, "replay", "--limit", "0"))[0] == 2
    code, told = await command(submitter, "replay", "--help")
    assert (code, told.split(" [")[0]) == (0, "usage: python -m pixel_generation")


async def command(submitter: Submitter, *words: str) -> tuple[int, str]:
    """Run a command; return its exit status and the first line of its result."""
    environment = os.environ | {"PIXEL_GENERATION_DATABASE_URL": submitter.url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pixel_generation", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    told = (output or errors.splitlines()[-1]).decode()
    lines = [line for line in told.splitlines() if not line.startswith("rule ")]
    return process.returncode or 0, lines[0]
