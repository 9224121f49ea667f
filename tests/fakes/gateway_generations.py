"""Generations and their billing, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pixel_errors import NotFound, Unavailable
from pixel_gateway.application.generations.ports import Accepted
from pixel_gateway.domain.account import Balance
from pixel_gateway.domain.billing import Transaction
from pixel_gateway.domain.generation import Failure, Generation, Model, Output, Progress, Stage, Status
from pixel_runtime.ids import format_id, new_id

if TYPE_CHECKING:
    from pixel_gateway.application.generations.ports import HistoryQuery, Submission

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
SKETCH = Model(
    id="studio-sketch",
    provider="studio",
    aliases=("sketch",),
    display_name="Studio Sketch",
    credits_per_image=2,
    aspect_ratios=(("1:1", 1024, 1024), ("16:9", 1344, 768)),
    styles=(),
    qualities=(),
    max_images=10,
    available=True,
)


@dataclass
class FakeClock:
    """A clock that is constant until it is moved."""

    moment: datetime = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class FakeBilling:
    """Credits by user, with their transfers."""

    clock: FakeClock
    credits_of: dict[str, int] = field(default_factory=dict)
    held_of: dict[str, int] = field(default_factory=dict)
    limits_of: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    """Plan and daily limit of users that differ from the defaults."""
    transfers: list[tuple[str, Transaction]] = field(default_factory=list)
    """Users and transfers, oldest first."""
    grants: set[tuple[str, str]] = field(default_factory=set)
    is_away: bool = False

    async def balance(self, user_id: str) -> Balance:
        plan, daily_limit = self.limits_of.get(user_id, ("free", None))
        available, held = self.credits_of.get(user_id, 0), self.held_of.get(user_id, 0)
        return Balance(available, held, plan=plan, daily_limit_credits=daily_limit)

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        if self.is_away:
            raise Unavailable("The ledger is away.")
        if (user_id, grant_id) not in self.grants:
            self.grants.add((user_id, grant_id))
            self.transfer("grant", user_id, credit_count, 0, reason=reason)

    def hold(self, generation: Generation) -> None:
        """Hold the cost of a generation, also beyond the balance."""
        cost = generation.cost_credits
        self.transfer("hold", generation.user_id, -cost, cost, generation_id=generation.id)

    def settle(self, generation: Generation) -> None:
        """Capture the cost of the delivered outputs and release the rest."""
        captured = generation.captured_credits or 0
        released = generation.cost_credits - captured
        for kind, available, held in (("capture", 0, -captured), ("release", released, -released)):
            if held:
                self.transfer(kind, generation.user_id, available, held, generation_id=generation.id)

    def transfer(
        self, kind: str, user_id: str, available: int, held: int, *, generation_id: str = "", reason: str = ""
    ) -> None:
        self.credits_of[user_id] = self.credits_of.get(user_id, 0) + available
        self.held_of[user_id] = self.held_of.get(user_id, 0) + held
        number = f"{len(self.transfers) + 1:032x}"
        row = Transaction(number, kind, available, held, generation_id, 1, reason, self.clock.now())
        self.transfers.append((user_id, row))


@dataclass
class FakeGenerations:
    """Generations that progress when the test says so."""

    clock: FakeClock
    billing: FakeBilling
    rows: dict[str, Generation] = field(default_factory=dict)
    stored_events: dict[str, list[Progress]] = field(default_factory=dict)
    log: list[Progress] = field(default_factory=list)
    """Every event of every user, in the order it was stored."""
    submissions: list[Submission] = field(default_factory=list)
    rejection: Exception | None = None
    loses_answers: bool = False
    """Accepts submissions, or raises Unavailable when set."""
    is_away: bool = False
    reads: int = 0
    replies: dict[tuple[str, str, str], Generation] = field(default_factory=dict)

    async def submit(self, submission: Submission) -> Accepted:
        self._check()
        if self.rejection is not None:
            raise self.rejection
        known = self.replies.get((submission.user_id, submission.route, submission.idempotency_key))
        if submission.idempotency_key and known is not None:
            return Accepted(self.rows[known.id], replayed=True)
        self.submissions.append(submission)
        generation = Generation(
            id=format_id("gen", new_id()),
            user_id=submission.user_id,
            spec=replace(submission.spec, model=submission.spec.model or SKETCH.id),
            set_id=format_id("set", new_id()),
            status=Status.QUEUED,
            stage=Stage.WAITING,
            progress=0,
            message="Waiting in queue",
            sequence=1,
            cost_credits=2 * submission.spec.number_of_images,
            create_time=self.clock.now(),
            queue_position=1,
            eta_s=(0.0, 2.0),
            job_type=submission.job_type,
            priority=submission.priority,
            schedule_time=submission.schedule_time,
            waits_for="scheduled" if submission.schedule_time else "",
            end_user=submission.end_user,
            metadata=submission.metadata,
        )
        self.billing.hold(generation)
        self.rows[generation.id] = generation
        self.stored_events[generation.id] = [generation.as_progress()]
        self.log.append(generation.as_progress())
        self.replies[submission.user_id, submission.route, submission.idempotency_key] = generation
        self.is_away = self.loses_answers
        self._check()
        return Accepted(generation, replayed=False)

    async def get(self, user_id: str, generation_id: str) -> Generation:
        self._check()
        self.reads += 1
        generation = self.rows.get(generation_id)
        if generation is None or generation.user_id != user_id:
            raise NotFound("There is no such generation, or it is not yours.", reason="GENERATION_NOT_FOUND")
        return generation

    async def page(self, query: HistoryQuery) -> tuple[list[Generation], str]:
        self._check()
        mine = [row for row in reversed(self.rows.values()) if row.user_id == query.user_id and _matches(row, query)]
        start = int(query.cursor or 0)
        end = start + query.limit
        return mine[start:end], str(end) if len(mine) > end else ""

    async def events(self, user_id: str, generation_id: str, after: int) -> list[Progress]:
        await self.get(user_id, generation_id)
        return [event for event in self.stored_events[generation_id] if event.sequence > after]

    async def models(self) -> list[Model]:
        self._check()
        return [SKETCH]

    def advance(self, generation_id: str, status: Status, progress: int, message: str = "AI generating") -> Progress:
        """Store the next event and return it."""
        row = self.rows[generation_id]
        outputs = row.outputs
        if status is Status.COMPLETED:
            outputs = tuple(_output(index) for index in range(row.spec.number_of_images))
        self.rows[generation_id] = replace(
            row,
            status=status,
            stage=Stage.DONE if status.is_final else Stage.GENERATING,
            progress=progress,
            message=message,
            sequence=row.sequence + 1,
            outputs=outputs,
            failure=Failure("timeout", "The provider took too long.", retryable=True)
            if status is Status.FAILED
            else None,
            captured_credits=row.cost_credits if status is Status.COMPLETED else None,
            end_time=self.clock.now() if status.is_final else None,
        )
        if status.is_final and not row.status.is_final:
            self.billing.settle(self.rows[generation_id])
        event = self.rows[generation_id].as_progress()
        self.stored_events[generation_id].append(event)
        self.log.append(event)
        return event

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("The generation service is away.")


def _matches(row: Generation, query: HistoryQuery) -> bool:
    return (
        query.status in (None, row.status)
        and query.model in ("", row.spec.model)
        and query.job_type in (None, row.job_type)
        and (query.from_time is None or row.create_time >= query.from_time)
        and (query.to_time is None or row.create_time < query.to_time)
        and query.failure_code in ("", row.failure.code if row.failure else "")
    )


def _output(index: int) -> Output:
    return Output(format_id("ast", new_id()), index, 1024, 1024, "image/png", len(PNG), seed=index)
