"""Receipts, statements and usage agree with the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from pixel_errors import Invalid
from pixel_generation.adapters.outbound.postgres.statements import PostgresStatements
from pixel_generation.application.billing.correct_credits import RefundGeneration, refund_generation
from pixel_generation.application.billing.ports import Statements
from pixel_generation.application.billing.read_statement import (
    ListTransactions,
    SumUsage,
    get_receipt,
    list_transactions,
    sum_usage,
)
from pixel_generation.application.reading.page import FIRST
from pixel_generation.domain.billing.statement import Transaction
from pixel_generation.domain.errors import GenerationNotFound
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import new_id

from tests.integration.generation.endings import Endings
from tests.integration.generation.submitter import Submitter, open_submitter
from tests.parts import MakeDatabase

CONTRACTS = {Statements: (PostgresStatements,)}


@pytest.fixture
async def submitter(make_database: MakeDatabase) -> AsyncIterator[Submitter]:
    async with open_submitter(make_database) as submitter:
        yield submitter


CLOCK = SystemClock()


def statements_of(submitter: Submitter, *, window: int = 10_000, most: int = 500_000) -> PostgresStatements:
    return PostgresStatements(submitter.pool, window=window, most_usage_transfers=most)


async def ledger_of(submitter: Submitter, user: UUID) -> int:
    """Credits charged to the user in the ledger."""
    row = await submitter.row(
        """
        SELECT coalesce(sum(e.credits), 0)::bigint AS credits
        FROM ledger_transfers AS t JOIN ledger_entries AS e ON e.transfer_id = t.id
        WHERE t.user_id = %s AND e.account = 'platform_revenue'
        """,
        user,
    )
    return int(row["credits"])


async def test_every_ended_job_has_an_exact_receipt_and_their_sum_is_the_ledger(submitter: Submitter) -> None:
    user = await submitter.user(100)
    jobs = await Endings(submitter).of_every_kind(user)
    statements = statements_of(submitter)
    receipts = {name: await get_receipt(job.id, user, statements=statements) for name, job in jobs.items()}
    for name, receipt in receipts.items():
        assert all(money.settled and money.held == money.captured + money.released for money in receipt.rounds), name
        assert receipt.charged == (jobs[name].captured_credits or 0), name
        assert receipt.status is jobs[name].status, name
    assert {name: receipt.charged for name, receipt in receipts.items()} == {
        "completed": 2,
        "completed_in_part": 1,
        "completed_for_nothing": 2,
        "failed": 0,
        "failed_unsent": 0,
        "expired": 0,
        "cancelled_in_queue": 0,
        "cancelled_free": 0,
        "cancelled_in_part": 2,
        "failed_then_completed": 1,
        "lost_then_completed": 1,
    }
    assert {name: receipt.provider_cost_usd_micros for name, receipt in receipts.items()} == {
        "completed": 40_000,
        "completed_in_part": 40_000,
        "completed_for_nothing": 0,
        "failed": None,
        "failed_unsent": 0,
        "expired": 0,
        "cancelled_in_queue": 0,
        "cancelled_free": 40_000,
        "cancelled_in_part": 40_000,
        "failed_then_completed": None,
        "lost_then_completed": 40_000,
    }
    assert sum(receipt.charged for receipt in receipts.values()) == await ledger_of(submitter, user) == 9
    rounds = receipts["failed_then_completed"].rounds
    assert [(money.round, money.held, money.captured, money.released) for money in rounds] == [
        (1, 1, 0, 1),
        (2, 1, 1, 0),
    ]
    assert [(run.attempt, run.round) for run in receipts["failed_then_completed"].attempts] == [(1, 1), (2, 2)]
    assert receipts["completed"].price_id == "studio-sketch/1"
    assert receipts["completed"].attempts[0].provider_request_id == "req_1"


async def test_an_open_job_is_not_settled_and_a_receipt_is_its_owners_only(submitter: Submitter) -> None:
    user = await submitter.user()
    job = await Endings(submitter).claimed(user)
    receipt = await get_receipt(job.id, user, statements=statements_of(submitter))
    (money,) = receipt.rounds
    assert (money.held, money.settled, receipt.charged) == (2, False, 0)
    with pytest.raises(GenerationNotFound):
        await get_receipt(job.id, new_id(), statements=statements_of(submitter))


async def test_a_refund_appears_in_receipt_statement_and_usage(submitter: Submitter) -> None:
    user = await submitter.user()
    job = await Endings(submitter).completed(user, images=3, delivered=3)
    await refund_generation(RefundGeneration(job.id, 2, "blurred", "usr_admin"), corrections=submitter.ledger)
    statements = statements_of(submitter)
    receipt = await get_receipt(job.id, user, statements=statements)
    assert (receipt.rounds[0].captured, receipt.rounds[0].refunded, receipt.charged) == (3, 2, 1)
    page = await list_transactions(ListTransactions(user, kind="refund"), statements=statements)
    assert [(item.available, item.held, item.reason) for item in page.items] == [(2, 0, "blurred")]
    usage = await sum_usage(SumUsage(user, ("model",), None, None), statements=statements, clock=CLOCK)
    assert [(row.group, row.generations, row.credits) for row in usage.rows] == [(("studio-sketch",), 1, 1)]
    assert usage.total_credits == await ledger_of(submitter, user) == 1


async def test_a_statement_read_by_pages_is_the_whole_ledger_of_its_user(submitter: Submitter) -> None:
    user, other = await submitter.user(100), await submitter.user(100)
    endings = Endings(submitter)
    jobs = await endings.of_every_kind(user)
    await endings.completed(other)
    for window in (3, 10_000):
        statements = statements_of(submitter, window=window)
        seen = await whole_statement(statements, user)
        assert [item.id for item in seen] == sorted((item.id for item in seen), reverse=True)
        assert sum(item.available for item in seen) == 100 - 9
        assert sum(item.held for item in seen) == 0
        assert Counter(item.kind for item in seen)["hold"] == len(jobs) + 1
        releases = await whole_statement(statements, user, kind="release")
        assert {item.id for item in releases} == {item.id for item in seen if item.kind == "release"}
    of_job = await list_transactions(ListTransactions(user, job_id=jobs["completed_in_part"].id), statements=statements)
    assert [item.kind for item in of_job.items] in (["release", "capture", "hold"], ["capture", "release", "hold"])


async def whole_statement(statements: PostgresStatements, user: UUID, *, kind: str = "") -> list[Transaction]:
    seen: list[Transaction] = []
    before: UUID | None = FIRST
    while before is not None:
        page = await list_transactions(ListTransactions(user, kind=kind, before=before, limit=4), statements=statements)
        seen += page.items
        before = page.next
    return seen


async def test_usage_by_key_end_user_and_label_is_the_ledger(submitter: Submitter) -> None:
    user = await submitter.user(1_000)
    endings = Endings(submitter)
    keys = [new_id() for _ in range(3)]
    expected: Counter[tuple[str, str]] = Counter()
    for app, key in enumerate(keys):
        for person in range(5):
            who = f"person-{person}"
            labels = {"team": f"team-{app % 2}"}
            for images in range(1, 2 + (app + person) % 3):
                await endings.completed(
                    user, images=images, delivered=images, api_key_id=key, end_user=who, metadata=labels
                )
                expected[f"key_{key.hex}", who] += images
            await endings.failed(user, api_key_id=key, end_user=who, metadata=labels)
    statements = statements_of(submitter)
    usage = await sum_usage(SumUsage(user, ("api_key", "end_user"), None, None), statements=statements, clock=CLOCK)
    assert {row.group: row.credits for row in usage.rows} == dict(expected)
    assert {row.group: row.outputs for row in usage.rows} == dict(expected)
    assert usage.total_credits == await ledger_of(submitter, user) == sum(expected.values())
    by_team = await sum_usage(
        SumUsage(user, ("metadata.team", "day", "model"), None, None), statements=statements, clock=CLOCK
    )
    assert sum(row.credits for row in by_team.rows) == usage.total_credits
    assert {row.group[0] for row in by_team.rows} == {"team-0", "team-1"}
    none = await sum_usage(SumUsage(user, ("metadata.none",), None, None), statements=statements, clock=CLOCK)
    assert none.rows[0].group == ("",)
    now = SystemClock().now()
    tomorrow = now + timedelta(days=1)
    assert (await sum_usage(SumUsage(user, ("day",), now, tomorrow), statements=statements, clock=CLOCK)).rows == []


async def test_usage_with_too_many_rows_or_unknown_groupings_is_refused(submitter: Submitter) -> None:
    user = await submitter.user()
    await Endings(submitter).completed(user, delivered=1)
    with pytest.raises(Invalid, match="shorter"):
        await sum_usage(
            SumUsage(user, ("model",), None, None), statements=statements_of(submitter, most=1), clock=CLOCK
        )
    for words in ((), ("prompt",), ("metadata.",), ("model", "day", "api_key", "end_user")):
        with pytest.raises(Invalid, match="grouped by"):
            await sum_usage(SumUsage(user, words, None, None), statements=statements_of(submitter), clock=CLOCK)
