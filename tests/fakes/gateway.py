"""The services behind the gateway, in memory."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pixel_errors import Forbidden, NotFound, Unavailable
from pixel_gateway.application import Application, Ports
from pixel_gateway.application.ports import Accepted, StoredObject
from pixel_gateway.domain.account import Balance
from pixel_gateway.domain.generation import Failure, Generation, Model, Output, Progress, Stage, Status
from pixel_gateway.domain.image import Addresses, AssetNotFound, Image, ImageSet
from pixel_runtime.ids import format_id, new_id

from tests.fakes.gateway_accounts import FakeAccounts, FakeApiKeys
from tests.fakes.gateway_engine import FakeEngine
from tests.fakes.gateway_live import FakeTickets, FakeUserEvents
from tests.fakes.gateway_notifications import FakeNotifications

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from pixel_gateway.application.ports import DiscoverQuery, HistoryQuery, Submission

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
    """A clock that stands still until it is told to go on."""

    moment: datetime = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeIds:
    """Real ids, and secrets that can be told apart."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        return format_id(prefix, new_id())

    def random_text(self) -> str:
        self._count += 1
        return f"{self._count:043d}"


@dataclass
class FakeGenerations:
    """Generations that move when the test says so."""

    clock: FakeClock
    rows: dict[str, Generation] = field(default_factory=dict)
    stored_events: dict[str, list[Progress]] = field(default_factory=dict)
    log: list[Progress] = field(default_factory=list)
    """Every event of every user, in the order it was stored."""
    submissions: list[Submission] = field(default_factory=list)
    rejection: Exception | None = None
    loses_answers: bool = False
    """Accepts submissions, and is away when it should say so."""
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
        event = self.rows[generation_id].as_progress()
        self.stored_events[generation_id].append(event)
        self.log.append(event)
        return event

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("The generation service is away.")


@dataclass
class FakeBilling:
    """Credits by user."""

    credits_of: dict[str, int] = field(default_factory=dict)
    grants: set[tuple[str, str]] = field(default_factory=set)
    is_away: bool = False

    async def balance(self, user_id: str) -> Balance:
        return Balance(self.credits_of.get(user_id, 0), 0)

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        if self.is_away:
            raise Unavailable("The ledger is away.")
        if (user_id, grant_id) not in self.grants:
            self.grants.add((user_id, grant_id))
            self.credits_of[user_id] = self.credits_of.get(user_id, 0) + credit_count


@dataclass
class FakeSets:
    """Sets that appear when the test says so."""

    rows: dict[str, ImageSet] = field(default_factory=dict)
    queries: list[DiscoverQuery] = field(default_factory=list)
    lookups: int = 0
    trouble: Exception | None = None

    async def get(self, set_id: str, viewer_id: str) -> ImageSet:
        self.lookups += 1
        if self.trouble is not None:
            raise self.trouble
        found = self.rows.get(set_id)
        if found is None or (found.user_id != viewer_id and any(image.private for image in found.images)):
            raise NotFound("There is no such set, or it is not yours.", reason="SET_NOT_FOUND")
        return found

    async def discover(self, query: DiscoverQuery) -> tuple[list[Image], str]:
        self.queries.append(query)
        images = [image for row in self.rows.values() for image in row.images if not image.private]
        return images[: query.limit], ""

    def add(self, generation: Generation) -> ImageSet:
        """Make the set of a completed generation readable."""
        images = tuple(_image(generation, output) for output in generation.outputs)
        row = ImageSet(generation.set_id, generation.user_id, generation.id, images, generation.create_time)
        self.rows[generation.set_id] = row
        return row


class FakeMedia:
    """Addresses signed with a known key; every asset has the same bytes."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.is_away = False
        self.missing: set[str] = set()

    async def addresses(self, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
        if self.is_away:
            raise Unavailable("The media service is away.")
        expires = int(self._clock.now().timestamp()) + 3600
        return {
            asset_id: Addresses(
                original=_address(f"originals/{asset_id}.png", expires),
                thumbnail=_address(f"thumbnails/{asset_id}.webp", expires),
                preview=_address(f"previews/{asset_id}.webp", expires),
                content_type="image/png",
                expire_time=datetime.fromtimestamp(expires, UTC),
            )
            for asset_id in asset_ids
            if asset_id not in self.missing
        }

    async def read(self, key: str, *, expires: int, signature: str) -> StoredObject:
        if not hmac.compare_digest(signature, _signature(key, expires)):
            raise Forbidden("The address was altered.", reason="ADDRESS_REFUSED")
        if any(asset_id in key for asset_id in self.missing):
            raise AssetNotFound
        return StoredObject("image/png", len(PNG), _chunks())

    async def fetch(self, address: str) -> bytes:
        return PNG


@dataclass
class FakeLastStatus:
    """The newest status of each generation."""

    rows: dict[str, Progress] = field(default_factory=dict)

    async def put(self, events: Sequence[Progress]) -> None:
        self.rows.update({event.generation_id: event for event in events})

    async def get(self, generation_id: str) -> Progress | None:
        return self.rows.get(generation_id)


class Backstage:
    """An application on fakes, and what the tests turn behind it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.accounts = FakeAccounts()
        self.keys = FakeApiKeys(self.accounts)
        self.generations = FakeGenerations(self.clock)
        self.billing = FakeBilling()
        self.sets = FakeSets()
        self.media = FakeMedia(self.clock)
        self.last_status = FakeLastStatus()
        self.user_events = FakeUserEvents(self.generations)
        self.tickets = FakeTickets()
        self.notifications = FakeNotifications(self.clock)
        self.engine = FakeEngine(self.clock, self.generations, self.billing)
        self.app = Application(
            Ports(
                accounts=self.accounts,
                keys=self.keys,
                generations=self.generations,
                billing=self.billing,
                sets=self.sets,
                media=self.media,
                last_status=self.last_status,
                user_events=self.user_events,
                tickets=self.tickets,
                notifications=self.notifications,
                engine=self.engine.ports(),
                admin_usernames=frozenset({"root"}),
                ids=FakeIds(),
                clock=self.clock,
            )
        )

    def finish(self, generation_id: str) -> None:
        """Complete a generation, make its set readable and tell the watchers."""
        event = self.generations.advance(generation_id, Status.COMPLETED, 100, "Done")
        self.sets.add(self.generations.rows[generation_id])
        self.app.publish(event)


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


def _image(generation: Generation, output: Output) -> Image:
    return Image(
        id="img_" + output.asset_id.removeprefix("ast_"),
        user_id=generation.user_id,
        set_id=generation.set_id,
        asset_id=output.asset_id,
        generation_id=generation.id,
        index=output.index,
        prompt=generation.spec.prompt,
        model=generation.spec.model,
        style=generation.spec.style,
        width=output.width,
        height=output.height,
        private=generation.spec.private,
        like_count=0,
        comment_count=0,
        view_count=0,
        create_time=generation.create_time,
        seed=output.seed,
    )


def _signature(key: str, expires: int) -> str:
    return hmac.new(b"fake", f"{key}|{expires}".encode(), hashlib.sha256).hexdigest()


def _address(key: str, expires: int) -> str:
    return f"/media/objects/{key}?expires={expires}&signature={_signature(key, expires)}"


async def _chunks() -> AsyncGenerator[bytes, None]:
    yield PNG[:20]
    yield PNG[20:]
