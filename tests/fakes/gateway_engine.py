"""The gateway's engine in memory: changes, billing, queues and failed work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pixel_errors import Conflict, FailedPrecondition, NotFound, PixelError
from pixel_gateway.application.generations.ports import Accepted, Cancelled, CancelOutcome
from pixel_gateway.domain.account import AccountChange, Balance
from pixel_gateway.domain.billing import (
    Adjusted,
    AttemptReceipt,
    Budget,
    Quote,
    Receipt,
    ReconcileCheck,
    Redeemed,
    Refunded,
    RoundReceipt,
    Transaction,
    Usage,
    UsageRow,
)
from pixel_gateway.domain.generation import Failure, Generation, Route, RouteCandidate, Status
from pixel_gateway.domain.operations import (
    Action,
    FailedWork,
    FailurePage,
    ModelStats,
    Processed,
    Queue,
    QueueStatus,
    Redriven,
    SetAsideJob,
    Stats,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from pixel_gateway.application.generations.ports import Submission
    from pixel_gateway.domain.billing import Promotion, TransactionQuery, UsageQuery
    from pixel_gateway.domain.operations import FailureFilter, QueueChange, Redrive

    from tests.fakes.gateway_generations import FakeBilling, FakeClock, FakeGenerations


@dataclass
class FakeJobCommands:
    """Cancels and retries the fake generations."""

    generations: FakeGenerations
    outcomes: dict[str, CancelOutcome] = field(default_factory=dict)
    """The outcome of the next cancellation of a generation; FREE by default."""
    quoted: list[Submission] = field(default_factory=list)

    async def cancel(self, user_id: str, ids: Sequence[str]) -> list[Cancelled | PixelError]:
        return [self._cancel(row) for row in [await self.generations.get(user_id, each) for each in ids]]

    async def retry(self, user_id: str, ids: Sequence[str]) -> list[Accepted | PixelError]:
        return [self._retry(row) for row in [await self.generations.get(user_id, each) for each in ids]]

    async def receipt(self, user_id: str, generation_id: str) -> Receipt:
        row = await self.generations.get(user_id, generation_id)
        captured = row.captured_credits or 0
        settled = RoundReceipt(1, row.cost_credits, captured, row.cost_credits - captured, 0, settled=True)
        run = AttemptReceipt(1, 1, "studio", row.spec.model, "succeeded", "sent", "req-1", "", cost_usd_micros=None)
        return Receipt(
            generation_id=row.id,
            status=row.status,
            quoted_credits=row.cost_credits,
            price_id="studio-sketch/1",
            credits_per_image=2,
            requested_images=row.spec.number_of_images,
            delivered_images=len(row.outputs),
            charged_credits=captured,
            rounds=(settled,),
            attempts=(run,),
        )

    async def quote(self, submission: Submission) -> Quote:
        self.quoted.append(submission)
        candidate = RouteCandidate("studio-sketch", "", "closed", 2 * submission.spec.number_of_images)
        return Quote(
            cost_credits=2 * submission.spec.number_of_images,
            price_id="studio-sketch/1",
            credits_per_image=2,
            spec=replace(submission.spec, model=submission.spec.model or "studio-sketch"),
            adjustments=(),
            route=Route("studio-sketch", (), (candidate,), "default"),
            eta_s=(0.0, 2.0),
            run_seconds=1.5,
            available_credits=1000,
            would_be_refused="",
        )

    def _cancel(self, row: Generation) -> Cancelled:
        if row.status in {Status.COMPLETED, Status.FAILED}:
            return Cancelled(CancelOutcome.TOO_LATE, row)
        outcome = self.outcomes.get(row.id, CancelOutcome.FREE)
        if outcome is not CancelOutcome.PENDING and row.status is not Status.CANCELLED:
            self.generations.advance(row.id, Status.CANCELLED, row.progress, "Cancelled")
        return Cancelled(outcome, self.generations.rows[row.id])

    def _retry(self, row: Generation) -> Accepted | PixelError:
        if row.status in {Status.QUEUED, Status.PROCESSING}:
            return Accepted(row, replayed=True)
        if row.status is Status.COMPLETED or row.outputs:
            return FailedPrecondition("It has its pictures.", reason="RETRY_NOT_POSSIBLE")
        self.generations.advance(row.id, Status.QUEUED, 0, "Waiting in queue")
        again = replace(self.generations.rows[row.id], round=row.round + 1, failure=None)
        self.generations.rows[row.id] = again
        return Accepted(again, replayed=False)


@dataclass
class FakeLedgerReads:
    """The transfers of the billing fake, or those set by the test."""

    billing: FakeBilling
    rows: list[Transaction] = field(default_factory=list)
    queries: list[UsageQuery] = field(default_factory=list)
    redeemed: set[tuple[str, str]] = field(default_factory=set)

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], str]:
        start = int(query.cursor or 0)
        moved = [row for user_id, row in reversed(self.billing.transfers) if user_id == query.user_id]
        rows = [row for row in self.rows or moved if query.kind in ("", row.kind)]
        return rows[start : start + query.limit], str(start + query.limit) if len(rows) > start + query.limit else ""

    async def usage(self, query: UsageQuery) -> Usage:
        self.queries.append(query)
        group = tuple("=end" for _ in query.group_by)
        return Usage((UsageRow(group, 2, 3, 6),), 6)

    async def redeem(self, user_id: str, code: str) -> Redeemed:
        if code.upper() != "WELCOME":
            raise NotFound("There is no such code.", reason="PROMOTION_NOT_FOUND")
        is_new = (user_id, code.upper()) not in self.redeemed
        self.redeemed.add((user_id, code.upper()))
        return Redeemed(credits=50, available_credits=1050, redeemed=is_new)


@dataclass
class FakeBudgets:
    """Budgets by scope, subject, period and unit."""

    rows: dict[str, Budget] = field(default_factory=dict)

    async def put(self, budget: Budget, actor: str) -> Budget:
        for known in self.rows.values():
            if (known.scope, known.subject, known.period, known.unit) == (
                budget.scope,
                budget.subject,
                budget.period,
                budget.unit,
            ):
                self.rows[known.id] = replace(known, limit_amount=budget.limit_amount)
                return self.rows[known.id]
        stored = replace(budget, id=f"{len(self.rows) + 1:032x}")
        self.rows[stored.id] = stored
        return stored

    async def delete(self, budget_id: str, actor: str) -> None:
        if self.rows.pop(budget_id, None) is None:
            raise NotFound("There is no such budget.", reason="BUDGET_NOT_FOUND")

    async def of(self, scope: str = "", subject: str = "") -> list[Budget]:
        return [row for row in self.rows.values() if scope in ("", row.scope) and subject in ("", row.subject)]


@dataclass
class FakeAdjustments:
    """Adjustments on the fake balances."""

    billing: FakeBilling
    generations: FakeGenerations
    made: dict[tuple[str, str], int] = field(default_factory=dict)
    refunds: list[tuple[str, int, str, str]] = field(default_factory=list)
    changes: list[AccountChange] = field(default_factory=list)
    violations: int = 0

    async def adjust(self, user_id: str, credit_count: int, *, adjustment_id: str, reason: str, actor: str) -> Adjusted:
        is_new = (user_id, adjustment_id) not in self.made
        if is_new:
            self.made[user_id, adjustment_id] = credit_count
            self.billing.transfer("adjustment", user_id, credit_count, 0, reason=reason)
        return Adjusted(self.billing.credits_of[user_id], is_new)

    async def refund(self, generation_id: str, credit_count: int, *, reason: str, actor: str) -> Refunded:
        row = self.generations.rows.get(generation_id)
        if row is None:
            raise NotFound("There is no such generation.", reason="GENERATION_NOT_FOUND")
        refunded = credit_count or row.captured_credits or 0
        is_new = generation_id not in {known for known, *_ in self.refunds}
        if is_new:
            self.refunds.append((generation_id, credit_count, reason, actor))
            self.billing.transfer("refund", row.user_id, refunded, 0, generation_id=generation_id, reason=reason)
        return Refunded(refunded, refunded=is_new)

    async def update_account(self, change: AccountChange) -> Balance:
        self.changes.append(change)
        plan, daily = self.billing.limits_of.get(change.user_id, ("free", None))
        if change.daily_limit_credits is not None:
            daily = None if change.daily_limit_credits == -1 else change.daily_limit_credits
        self.billing.limits_of[change.user_id] = (change.plan or plan, daily)
        return await self.billing.balance(change.user_id)

    async def reconcile(self) -> list[ReconcileCheck]:
        return [ReconcileCheck("transfers_sum_to_zero", self.violations)]


@dataclass
class FakePromotionCodes:
    """Promotion codes by code, and who ended which."""

    clock: FakeClock
    rows: dict[str, Promotion] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)

    async def create(self, promotion: Promotion, actor: str) -> Promotion:
        if promotion.code in self.rows:
            raise Conflict("The code exists.", reason="PROMOTION_EXISTS")
        self.rows[promotion.code] = replace(promotion, create_time=self.clock.now())
        return self.rows[promotion.code]

    async def page(self, *, limit: int, cursor: str) -> tuple[list[Promotion], str]:
        rows = [self.rows[code] for code in sorted(self.rows) if code > cursor]
        return rows[:limit], rows[limit - 1].code if len(rows) > limit else ""

    async def end(self, code: str, actor: str) -> Promotion:
        row = self.rows.get(code.upper())
        if row is None:
            raise NotFound("There is no such code.", reason="PROMOTION_NOT_FOUND")
        now = self.clock.now()
        if row.end_time is None or row.end_time > now:
            row = self.rows[row.code] = replace(row, end_time=now)
            self.ended.append((row.code, actor))
        return row


@dataclass
class FakeQueueOperations:
    """One queue."""

    queue: Queue = field(
        default_factory=lambda: Queue("studio", "studio", "open", 1000, 3, 1, 2, "closed", 4, oldest_wait_seconds=1.5)
    )
    passes: int = 0
    changes: list[QueueChange] = field(default_factory=list)

    async def status(self) -> QueueStatus:
        return QueueStatus(3, 2, 4.5, 1.5, (self.queue,))

    async def process(self) -> Processed:
        self.passes += 1
        return Processed(signalled_queues=1, swept_jobs=0)

    async def queues(self) -> list[Queue]:
        return [self.queue]

    async def update_queue(self, change: QueueChange) -> Queue:
        if change.queue != self.queue.queue:
            raise NotFound("There is no such queue.", reason="QUEUE_NOT_FOUND")
        self.changes.append(change)
        if change.state:
            self.queue = replace(self.queue, state=change.state)
        if change.max_running is not None:
            self.queue = replace(self.queue, max_running=None if change.max_running == -1 else change.max_running)
        if change.max_queued is not None:
            self.queue = replace(self.queue, max_queued=change.max_queued)
        return self.queue


@dataclass
class FakeFailedGenerations:
    """The failures set by the test, filtered by code and user only."""

    rows: list[FailedWork] = field(default_factory=lambda: [failed_work("gen_" + "1" * 32, "usr_" + "1" * 32)])
    filters: list[FailureFilter] = field(default_factory=list)
    redrives: list[Redrive] = field(default_factory=list)
    set_aside: tuple[SetAsideJob, ...] = ()

    async def page(self, wanted: FailureFilter, *, limit: int, cursor: str) -> FailurePage:
        self.filters.append(wanted)
        rows = self._matching(wanted)
        return FailurePage(tuple(rows[:limit]), "", dict(Counter(row.failure.code for row in rows)), self.set_aside)

    async def redrive(self, redrive: Redrive) -> Redriven:
        self.redrives.append(redrive)
        return Redriven(tuple(row.id for row in self._matching(redrive.filter)[: redrive.limit]), {})

    def _matching(self, wanted: FailureFilter) -> list[FailedWork]:
        return [
            row
            for row in self.rows
            if wanted.failure_code in ("", row.failure.code) and wanted.user_id in ("", row.user_id)
        ]


def failed_work(generation_id: str, user_id: str) -> FailedWork:
    failure = Failure("timeout", "The provider took too long.", retryable=True)
    return FailedWork(generation_id, user_id, "image", "studio-sketch", failure, 2, redacted_payload={"size": "1:1"})


@dataclass
class FakeRecords:
    """Statistics and actions set by the test."""

    rows: list[Action] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def stats(self, user_id: str, from_time: datetime | None, to_time: datetime | None) -> Stats:
        self.asked.append(user_id)
        models = (ModelStats("studio-sketch", 4, 3, 5, 10, 1.5),)
        costs = {} if user_id else {"studio": 0}
        return Stats(4, 3, 1, 0, 10, 1.5, models, provider_cost_usd_micros=costs, retries=2)

    async def actions(
        self, *, user_id: str = "", generation_id: str = "", limit: int, cursor: str = ""
    ) -> tuple[list[Action], str]:
        rows = [row for row in self.rows if user_id in ("", row.user_id) and generation_id in ("", row.generation_id)]
        start = int(cursor or 0)
        return rows[start : start + limit], str(start + limit) if len(rows) > start + limit else ""


@dataclass
class FakeBulkCalls:
    """Calls by user and day."""

    calls: dict[str, tuple[date, int]] = field(default_factory=dict)

    async def count(self, user_id: str, day: date, most: int) -> bool:
        known_day, calls = self.calls.get(user_id, (day, 0))
        calls = calls if known_day == day else 0
        if calls >= most:
            return False
        self.calls[user_id] = (day, calls + 1)
        return True


class EngineBehind:
    """The engine fakes."""

    def __init__(self, clock: FakeClock, generations: FakeGenerations, billing: FakeBilling) -> None:
        self.clock = clock
        self.job_commands = FakeJobCommands(generations)
        self.ledger_reads = FakeLedgerReads(billing)
        self.budgets = FakeBudgets()
        self.adjustments = FakeAdjustments(billing, generations)
        self.promotions = FakePromotionCodes(clock)
        self.queue = FakeQueueOperations()
        self.failures = FakeFailedGenerations()
        self.records = FakeRecords()
        self.bulk_calls = FakeBulkCalls()

    def adapters(self) -> dict[str, Any]:
        """Return the adapters of the engine by their names among the gateway's adapters."""
        return {
            "job_commands": self.job_commands,
            "ledger_reads": self.ledger_reads,
            "budgets": self.budgets,
            "adjustments": self.adjustments,
            "promotions": self.promotions,
            "queue": self.queue,
            "failures": self.failures,
            "records": self.records,
            "bulk_calls": self.bulk_calls,
        }

    def act(self, action: str, user_id: str, generation_id: str, *, actor: str, **facts: str) -> None:
        """Record an action now."""
        at = self.clock.now()
        number = f"{len(self.records.rows) + 1:032x}"
        self.records.rows.append(Action(number, actor, action, user_id, generation_id, at, facts))
