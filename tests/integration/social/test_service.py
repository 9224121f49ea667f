"""The whole service on PostgreSQL: consumes an event, serves a set over gRPC, publishes an activity."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pixel.generation.v1 import events_pb2, generation_pb2
from pixel.social.v1 import (
    notifications_service_pb2,
    notifications_service_pb2_grpc,
    sets_service_pb2,
    sets_service_pb2_grpc,
)
from pixel_errors import Invalid, NotFound
from pixel_events import Event, PostgresBus
from pixel_rpc import RpcServer, open_channel
from pixel_social.main import build
from pixel_social.settings import Settings

OWNER, STRANGER = "usr_" + "1" * 32, "usr_" + "2" * 32


def completed(number: int, *, private: bool = False, images: int = 2) -> events_pb2.ImageGenerationCompleted:
    message = events_pb2.ImageGenerationCompleted(
        request_id=f"gen_{number:032x}",
        user_id=OWNER,
        set_id=f"set_{number:032x}",
        outputs=[
            generation_pb2.Output(
                asset_id=f"ast_{number:030x}{index:02x}", index=index, width=64, height=48, seed=index
            )
            for index in range(images)
        ],
        work=generation_pb2.ImageWork(prompt=f"picture {number}", model="studio-sketch", private=private),
    )
    message.completed_at.FromDatetime(datetime(2026, 1, 1, 0, number % 60, tzinfo=UTC))
    return message


def event(message: events_pb2.ImageGenerationCompleted) -> Event:
    return Event(
        topic="image.generation.complete",
        key=message.user_id,
        type="pixel.generation.v1.ImageGenerationCompleted",
        value=message.SerializeToString(),
        id=str(uuid4()),
        source="/generation",
        time=datetime.now(UTC),
    )


@pytest.fixture(scope="module")
async def bus_url(make_database):
    return (await make_database("bus")).url


@pytest.fixture(scope="module")
async def bus(bus_url):
    bus = PostgresBus(bus_url)
    await bus.ensure_topics()
    yield bus
    await bus.close()


@pytest.fixture(scope="module")
async def channel(make_database, bus, bus_url):
    database = await make_database("social")
    settings = Settings(database_url=database.url, grpc_address="127.0.0.1:0", bus_url=bus_url)
    async with build(settings) as service:
        await service.start()
        try:
            server = next(part for part in service.parts if isinstance(part, RpcServer))
            async with open_channel(server.address) as channel:
                yield channel
        finally:
            await service.stop()


@pytest.fixture
def sets(channel):
    return sets_service_pb2_grpc.SetsServiceStub(channel)


@pytest.fixture
def feed(channel):
    return sets_service_pb2_grpc.FeedServiceStub(channel)


async def read_set(sets, set_id: str, viewer_id: str):
    try:
        return (await sets.GetSet(sets_service_pb2.GetSetRequest(id=set_id, viewer_id=viewer_id))).set
    except NotFound:
        return None


async def test_a_completed_generation_becomes_a_set_and_publishes_its_activities(bus, sets, wait_until):
    activities = bus.consumer("test", ["user.activities"])
    await activities.start()
    message = completed(1)
    first = event(message)
    await bus.publish([first, first, event(message)])
    await wait_until(lambda: read_set(sets, message.set_id, OWNER))
    found = await read_set(sets, message.set_id, OWNER)
    assert [image.id for image in found.images] == ["img_" + asset.asset_id[4:] for asset in message.outputs]
    assert [image.seed for image in found.images] == [0, 1]
    assert found.images[0].create_time.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)

    told: list[str] = []

    async def heard_of_another() -> bool:
        events = await activities.receive(10, 0.1)
        told.extend(told_of.message().resource_id for told_of in events)
        return f"img_{2:030x}00" in told

    await bus.publish([event(completed(2, images=1))])
    await wait_until(heard_of_another)
    await activities.close()
    assert sorted(told) == sorted([*(image.id for image in found.images), f"img_{2:030x}00"])


async def test_a_private_set_is_hidden_from_others_and_from_the_feed(bus, sets, feed, wait_until):
    message = completed(3, private=True)
    await bus.publish([event(message)])
    await wait_until(lambda: read_set(sets, message.set_id, OWNER))
    assert await read_set(sets, message.set_id, STRANGER) is None
    assert await read_set(sets, message.set_id, "") is None
    found = await feed.Discover(sets_service_pb2.DiscoverRequest(page_size=100))
    assert message.set_id not in {image.set_id for image in found.images}


async def test_a_malformed_event_does_not_block_later_events(bus, sets, wait_until):
    broken = completed(4)
    broken.set_id = "nonsense"
    good = completed(5)
    await bus.publish([event(broken), event(good)])
    await wait_until(lambda: read_set(sets, good.set_id, OWNER))


async def test_discover_pages_through_the_public_pictures(bus, sets, feed, wait_until):
    for number in range(10, 15):
        await bus.publish([event(completed(number, images=1))])
    await wait_until(lambda: read_set(sets, completed(14).set_id, ""))
    seen, token = [], ""
    while True:
        page = await feed.Discover(sets_service_pb2.DiscoverRequest(page_size=2, page_token=token))
        seen += [image.prompt for image in page.images]
        token = page.next_page_token
        if not token:
            break
    assert seen[:5] == [f"picture {number}" for number in range(14, 9, -1)]
    assert len(seen) == len(await all_ids(feed))


async def all_ids(feed) -> set[str]:
    found = await feed.Discover(sets_service_pb2.DiscoverRequest(page_size=100))
    return {image.id for image in found.images}


@pytest.mark.parametrize("set_id", ["", "nonsense", "gen_" + "1" * 32, "set_" + "f" * 32])
async def test_a_malformed_or_unknown_set_is_not_found(sets, set_id):
    with pytest.raises(NotFound) as rejection:
        await sets.GetSet(sets_service_pb2.GetSetRequest(id=set_id))
    assert rejection.value.code == "SET_NOT_FOUND"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"sort": 99}, "sortBy"),
        ({"user_id": "me"}, "userId"),
        ({"page_size": 1000}, "limit"),
        ({"page": 501}, "page"),
    ],
)
async def test_an_invalid_feed_request_names_the_field(feed, facts, field):
    with pytest.raises(Invalid) as rejection:
        await feed.Discover(sets_service_pb2.DiscoverRequest(**facts))
    assert [violation.field for violation in rejection.value.violations] == [field]


async def test_a_time_outside_the_calendar_is_refused(feed):
    request = sets_service_pb2.DiscoverRequest()
    request.from_time.seconds = 10**15
    with pytest.raises(Invalid):
        await feed.Discover(request)


@pytest.mark.parametrize("bus_is_there", [True, False])
async def test_the_service_serves_while_it_reads_the_bus(make_database, bus, bus_url, wait_until, bus_is_there):
    database = await make_database("social")
    url = bus_url if bus_is_there else "postgresql://bus@127.0.0.1:1/pixel"
    async with build(Settings(database_url=database.url, grpc_address="127.0.0.1:0", bus_url=url)) as service:
        await service.start()
        server = next(part for part in service.parts if isinstance(part, RpcServer))
        async with open_channel(server.address) as channel:

            async def reports(status: int) -> bool:
                request = health_pb2.HealthCheckRequest(service="pixel.social.v1.SetsService")
                return (await health_pb2_grpc.HealthStub(channel).Check(request)).status == status

            expected = health_pb2.HealthCheckResponse
            await wait_until(lambda: reports(expected.SERVING if bus_is_there else expected.NOT_SERVING))
            reasons = await service.ready()
        await service.stop()
    assert reasons["postgres"] == "ok"
    assert (reasons["completions"] == "ok") is bus_is_there


async def test_failed_generations_of_every_class_become_one_notification_of_their_owner(bus, channel, wait_until):
    stub = notifications_service_pb2_grpc.NotificationsServiceStub(channel)
    owner = "usr_" + "9" * 32
    events = []
    for number in range(6):
        message = events_pb2.ImageGenerationFailed(request_id=f"gen_{number + 900:032x}", user_id=owner)
        message.failure.code = f"class_{number}"
        message.failed_at.FromDatetime(datetime(2026, 1, 1, 0, number, tzinfo=UTC))
        events.append(
            Event(
                topic="image.generation.failed",
                key=owner,
                type="pixel.generation.v1.ImageGenerationFailed",
                value=message.SerializeToString(),
                id=str(uuid4()),
                source="/generation",
                time=datetime.now(UTC),
            )
        )
    await bus.publish([*events, *events])

    async def listed():
        return await stub.ListNotifications(notifications_service_pb2.ListNotificationsRequest(user_id=owner))

    async def has_heard_all() -> bool:
        return [each.count for each in (await listed()).notifications] == [6]

    await wait_until(has_heard_all)
    (only,) = (await listed()).notifications
    assert dict(only.reasons) == {f"class_{number}": 1 for number in range(6)}
    assert (only.kind, only.resource_id) == ("generation_failed", f"gen_{905:032x}")
    asked = notifications_service_pb2.MarkNotificationsReadRequest(user_id=owner, ids=[only.id])
    assert (await stub.MarkNotificationsRead(asked)).marked_count == 1
    assert (await listed()).unread_count == 0
