"""The services behind the gateway, in memory."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pixel_errors import Forbidden, NotFound, Unavailable
from pixel_gateway.application import Application
from pixel_gateway.application.generations.completion import Completion
from pixel_gateway.application.images.ports import StoredObject
from pixel_gateway.domain.generation import Generation, Output, Progress, Status
from pixel_gateway.domain.image import Addresses, AssetNotFound, Image, ImageSet
from pixel_gateway.wiring.adapters import Adapters
from pixel_gateway.wiring.application import make_application
from pixel_runtime.ids import format_id, new_id

from tests.fakes.gateway_accounts import FakeAccounts, FakeApiKeys
from tests.fakes.gateway_engine import EngineBehind
from tests.fakes.gateway_generations import PNG, FakeBilling, FakeClock, FakeGenerations
from tests.fakes.gateway_live import FakeTickets, FakeUserEvents
from tests.fakes.gateway_notifications import FakeNotifications

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from pixel_gateway.application.images.ports import DiscoverQuery


ADMINS = frozenset({"root"})


class FakeIds:
    """Real ids, and distinguishable secrets."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        return format_id(prefix, new_id())

    def random_text(self) -> str:
        self._count += 1
        return f"{self._count:043d}"


@dataclass
class FakeSets:
    """Sets that become readable when the test says so."""

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
        rows = [image for row in self.rows.values() for image in row.images if not image.private]
        images = sorted(rows, key=lambda image: (image.create_time, image.id), reverse=True)
        start = int(query.cursor or 0)
        end = start + query.limit
        return images[start:end], str(end) if len(images) > end else ""

    def add(self, generation: Generation) -> ImageSet:
        """Make the set of a completed generation readable."""
        images = tuple(_image(generation, output) for output in generation.outputs)
        row = ImageSet(generation.set_id, generation.user_id, generation.id, images, generation.create_time)
        self.rows[generation.set_id] = row
        return row


class FakeMedia:
    """URLs signed with a known key; every asset has the same bytes."""

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
    """An application on fakes, and the fakes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.accounts = FakeAccounts()
        self.keys = FakeApiKeys(self.accounts)
        self.billing = FakeBilling(self.clock)
        self.generations = FakeGenerations(self.clock, self.billing)
        self.sets = FakeSets()
        self.media = FakeMedia(self.clock)
        self.last_status = FakeLastStatus()
        self.user_events = FakeUserEvents(self.generations)
        self.tickets = FakeTickets()
        self.notifications = FakeNotifications(self.clock)
        self.engine = EngineBehind(self.clock, self.generations, self.billing)
        self.adapters = Adapters(
            accounts=self.accounts,
            keys=self.keys,
            tickets=self.tickets,
            generations=self.generations,
            user_events=self.user_events,
            last_status=self.last_status,
            billing=self.billing,
            sets=self.sets,
            notifications=self.notifications,
            media=self.media,
            ids=FakeIds(),
            clock=self.clock,
            **self.engine.adapters(),
        )
        self.completion = Completion(sets=self.sets)
        self.app = make_application(self.adapters, self.completion, admin_usernames=ADMINS)

    def another_application(self) -> Application:
        """Make the application of another process on the same services."""
        return make_application(self.adapters, Completion(sets=self.sets), admin_usernames=ADMINS)

    def finish(self, generation_id: str) -> None:
        """Complete a generation, make its set readable and publish it to the watchers."""
        event = self.generations.advance(generation_id, Status.COMPLETED, 100, "Done")
        self.sets.add(self.generations.rows[generation_id])
        self.app.live.publish(event)


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
