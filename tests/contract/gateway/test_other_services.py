"""Contract of sets, notifications and pictures: in memory, and the social and media services over gRPC."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import grpc.aio
import pixel_media.main
import pixel_media.settings
import pixel_social.main
import pixel_social.settings
import pytest
from pixel.media.v1 import assets_service_pb2 as media_pb
from pixel.media.v1.assets_service_pb2_grpc import AssetsServiceStub
from pixel_errors import Forbidden, NotFound
from pixel_gateway.adapters.outbound.media.media_rpc import GrpcMedia
from pixel_gateway.adapters.outbound.social.notifications_rpc import GrpcNotifications
from pixel_gateway.adapters.outbound.social.social_rpc import GrpcSets
from pixel_gateway.application.accounts.ports import Notifications
from pixel_gateway.application.images.ports import DiscoverQuery, Media, Sets
from pixel_gateway.application.ports import InvalidPageToken
from pixel_gateway.domain.image import Image, ImageSet
from pixel_gateway.domain.notification import Notification
from pixel_postgres import open_pool
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id, parse_id
from pixel_runtime.service import Service
from pixel_social.adapters.outbound.postgres.notifications import PostgresNotifications
from pixel_social.adapters.outbound.postgres.sets import PostgresStore
from pixel_social.domain.notifications.notification import NotificationEvent, NotificationKind

from tests.fakes.gateway import FakeMedia, FakeSets
from tests.fakes.gateway_generations import PNG, FakeClock
from tests.fakes.gateway_notifications import FakeNotifications
from tests.fakes.social import make_image_set
from tests.parts import MakeDatabase

CONTRACTS = {
    Sets: (FakeSets, GrpcSets),
    Notifications: (FakeNotifications, GrpcNotifications),
    Media: (FakeMedia, GrpcMedia),
}
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Social:
    """Sets and notifications, and functions that create them."""

    sets: Sets
    notifications: Notifications
    publish: Callable[[int, bool], Awaitable[tuple[str, str]]]
    """Store the set of this number, private or not; return its id and its owner's."""
    notify: Callable[[str], Awaitable[None]]
    """Notify a user of a failed generation."""


@dataclass
class Library:
    """The media port and a stored asset."""

    media: Media
    asset_id: str


async def served(service: Service, stack: AsyncExitStack) -> grpc.aio.Channel:
    await service.start()
    stack.push_async_callback(service.stop)
    address = next(part.address for part in service.parts if isinstance(part, RpcServer))
    return await stack.enter_async_context(open_channel(address, default_deadline_s=20))


def fake_social() -> Social:
    sets, notifications = FakeSets(), FakeNotifications(FakeClock())

    async def publish(number: int, private: bool) -> tuple[str, str]:
        made = gateway_set(number, private=private)
        sets.rows[made.id] = made
        return made.id, made.user_id

    async def notify(user_id: str) -> None:
        rows = notifications.rows.setdefault(user_id, [])
        waiting = bool(rows) and rows[0].read_time is None
        count = rows.pop(0).count + 1 if waiting else 1
        kind, generation_id = "generation_failed", format_id("gen", new_id())
        fresh = Notification(format_id("ntf", new_id()), kind, count, {"timeout": count}, generation_id, BEGAN, BEGAN)
        rows.insert(0, fresh)

    return Social(sets, notifications, publish, notify)


def gateway_set(number: int, *, private: bool) -> ImageSet:
    """Return the social service's set of `make_image_set(number)`."""
    made = make_image_set(number, images=2, private=private)
    images = tuple(
        Image(
            id=format_id("img", image.id),
            user_id=format_id("usr", image.user_id),
            set_id=format_id("set", image.set_id),
            asset_id=format_id("ast", image.id),
            generation_id=format_id("gen", image.generation_id),
            index=image.index,
            prompt=image.prompt,
            model=image.model,
            style=image.style,
            width=image.width,
            height=image.height,
            private=image.private,
            like_count=0,
            comment_count=0,
            view_count=0,
            create_time=image.created_at,
            seed=image.seed,
        )
        for image in made.images
    )
    return ImageSet(
        format_id("set", made.id), format_id("usr", made.user_id), format_id("gen", made.generation_id), images,
        made.created_at,
    )  # fmt: skip


async def real_social(make_database: MakeDatabase, stack: AsyncExitStack) -> Social:
    database = await make_database("social")
    settings = pixel_social.settings.Settings(database_url=database.url, grpc_address="127.0.0.1:0", pool_max_size=3)
    service = await stack.enter_async_context(pixel_social.main.build(settings, frozenset({"serve"})))
    channel = await served(service, stack)
    pool = await stack.enter_async_context(open_pool(database.url, schema="social", application="test"))

    async def publish(number: int, private: bool) -> tuple[str, str]:
        made = make_image_set(number, images=2, private=private)
        async with PostgresStore(pool).transaction() as tx:
            await tx.add_set(made)
        return format_id("set", made.id), format_id("usr", made.user_id)

    async def notify(user_id: str) -> None:
        event = NotificationEvent(
            parse_id("usr", user_id), NotificationKind.GENERATION_FAILED, "timeout", new_id(), BEGAN
        )
        await PostgresNotifications(pool).add(str(uuid4()), event)

    return Social(GrpcSets(channel), GrpcNotifications(channel), publish, notify)


@pytest.fixture(params=["fake", "real"])
async def social(request: pytest.FixtureRequest, make_database: MakeDatabase) -> AsyncIterator[Social]:
    async with AsyncExitStack() as stack:
        yield fake_social() if request.param == "fake" else await real_social(make_database, stack)


@pytest.fixture(params=["fake", "real"])
async def library(request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path) -> AsyncIterator[Library]:
    asset_id = format_id("ast", new_id())
    if request.param == "fake":
        media = FakeMedia(FakeClock())
        media.missing.add(format_id("ast", UUID(int=1)))
        yield Library(media, asset_id)
        return
    async with AsyncExitStack() as stack:
        settings = pixel_media.settings.Settings(
            database_url=(await make_database("media")).url,
            grpc_address="127.0.0.1:0",
            blobs_url=f"file://{tmp_path}",
            sandboxes=1,
        )
        service = await stack.enter_async_context(pixel_media.main.build(settings, frozenset({"serve"})))
        channel = await served(service, stack)
        header = media_pb.StoreAssetHeader(
            asset_id=asset_id,
            user_id=format_id("usr", new_id()),
            sha256=hashlib.sha256(PNG).hexdigest(),
            size_bytes=len(PNG),
        )
        parts = [media_pb.StoreAssetRequest(header=header), media_pb.StoreAssetRequest(chunk=PNG)]
        await AssetsServiceStub(channel).StoreAsset(iter(parts))
        yield Library(GrpcMedia(channel), asset_id)


async def test_a_set_is_visible_by_its_privacy(social: Social) -> None:
    (public, owner), (private, _) = await social.publish(1, False), await social.publish(2, True)
    stranger = format_id("usr", new_id())
    for viewer in (owner, stranger, ""):
        assert await social.sets.get(public, viewer) == gateway_set(1, private=False)
    assert await social.sets.get(private, owner) == gateway_set(2, private=True)
    for set_id, viewer in ((private, stranger), (private, ""), (format_id("set", new_id()), owner)):
        with pytest.raises(NotFound) as refused:
            await social.sets.get(set_id, viewer)
        assert refused.value.code == "SET_NOT_FOUND"


async def test_the_feed_shows_public_pictures_newest_first_by_pages(social: Social) -> None:
    for number in range(1, 4):
        await social.publish(number, number == 2)
    newest = [image for number in (3, 1) for image in reversed(gateway_set(number, private=False).images)]
    first, cursor = await social.sets.discover(DiscoverQuery(3))
    second, end = await social.sets.discover(DiscoverQuery(3, cursor))
    assert ([*first, *second], bool(cursor), end) == (newest, True, "")


async def test_notifications_are_listed_and_marked_as_read(social: Social) -> None:
    user, other = format_id("usr", new_id()), format_id("usr", new_id())
    for _ in range(2):
        await social.notify(user)
    page = await social.notifications.page(user, unread=False, limit=5, cursor="")
    (only,) = page.notifications
    assert (only.kind, only.count, only.reasons, only.read_time) == ("generation_failed", 2, {"timeout": 2}, None)
    assert (page.unread_count, page.next_cursor) == (1, "")
    assert (await social.notifications.page(other, unread=False, limit=5, cursor="")).notifications == ()
    assert [await social.notifications.mark_read(user, [only.id]) for _ in range(2)] == [1, 0]
    await social.notify(user)
    first = await social.notifications.page(user, unread=False, limit=1, cursor="")
    second = await social.notifications.page(user, unread=False, limit=1, cursor=first.next_cursor)
    assert {each.read_time is None for each in (*first.notifications, *second.notifications)} == {True, False}
    assert (await social.notifications.page(user, unread=True, limit=5, cursor="")).unread_count == 1
    assert await social.notifications.mark_read(user, []) == 1
    with pytest.raises(InvalidPageToken):
        await social.notifications.page(user, unread=False, limit=5, cursor="never given")


async def test_existing_pictures_are_read_by_signed_urls(library: Library) -> None:
    found = await library.media.addresses([library.asset_id, format_id("ast", UUID(int=1))])
    assert set(found) == {library.asset_id}
    addresses = found[library.asset_id]
    assert addresses.content_type == "image/png"
    assert await library.media.fetch(addresses.original) == PNG
    split = urlsplit(addresses.original)
    query, key = parse_qs(split.query), split.path.removeprefix("/media/objects/")
    expires, signature = int(query["expires"][0]), query["signature"][0]
    stored = await library.media.read(key, expires=expires, signature=signature)
    assert (stored.content_type, stored.size_bytes) == ("image/png", len(PNG))
    assert b"".join([chunk async for chunk in stored.chunks]) == PNG
    for late, other in ((expires + 1, signature), (expires, "0" * 64)):
        with pytest.raises(Forbidden):
            await library.media.read(key, expires=late, signature=other)
