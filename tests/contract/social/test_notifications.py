"""Contract of the notifications: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pixel_errors import Invalid
from pixel_postgres import open_pool
from pixel_social.adapters.outbound.postgres.notifications import PostgresNotifications
from pixel_social.application.notifications.list_notifications import ListNotifications, list_notifications
from pixel_social.application.notifications.mark_notifications_read import mark_notifications_read
from pixel_social.application.notifications.ports import Notifications
from pixel_social.domain.errors import InvalidPageToken
from pixel_social.domain.notifications.notification import NotificationEvent, NotificationKind

from tests.fakes.social import FakeNotifications

CONTRACTS = {Notifications: (FakeNotifications, PostgresNotifications)}
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def fake_backend():
    return FakeNotifications()


@pytest.fixture
async def real_backend(make_database):
    database = await make_database("social")
    async with open_pool(database.url, schema="social", application="test") as pool:
        yield PostgresNotifications(pool)


@pytest.fixture(params=["fake", "real"])
def backend(request):
    return request.getfixturevalue(f"{request.param}_backend")


def failed(user, minute=0, reason="timeout", group_key=""):
    happened_at = BEGAN + timedelta(minutes=minute)
    return NotificationEvent(user, NotificationKind.GENERATION_FAILED, reason, uuid4(), happened_at, group_key)


async def listed(backend, user, **query):
    return await list_notifications(ListNotifications(user, **query), notifications=backend)


async def test_failures_of_six_classes_are_one_notification_with_their_numbers(backend):
    user = uuid4()
    notification_events = [failed(user, minute, f"class_{minute % 6}") for minute in range(12)]
    await asyncio.gather(*(backend.add(str(uuid4()), notification_event) for notification_event in notification_events))

    page = await listed(backend, user)

    (only,) = page.notifications
    assert (only.count, dict(only.reasons)) == (12, {f"class_{number}": 2 for number in range(6)})
    assert (only.first_at, only.last_at) == (BEGAN, BEGAN + timedelta(minutes=11))
    assert only.resource_id == notification_events[-1].resource_id
    assert (page.unread_count, page.next_page_token) == (1, "")


async def test_a_repeated_event_is_not_counted_again(backend):
    user, event_id = uuid4(), str(uuid4())
    notification_event = failed(user)

    assert sorted(await asyncio.gather(*(backend.add(event_id, notification_event) for _ in range(5)))) == [
        False
    ] * 4 + [True]
    assert (await listed(backend, user)).notifications[0].count == 1


async def test_an_event_after_reading_makes_a_new_notification(backend):
    user = uuid4()
    await backend.add(str(uuid4()), failed(user, 0))
    assert await mark_notifications_read(user, [], notifications=backend) == 1
    assert await mark_notifications_read(user, [], notifications=backend) == 0
    await backend.add(str(uuid4()), failed(user, 1))

    page = await listed(backend, user)

    assert [each.read_at is None for each in page.notifications] == [True, False]
    assert page.unread_count == 1
    assert len((await listed(backend, user, unread=True)).notifications) == 1


async def test_notifications_of_another_user_can_be_neither_read_nor_marked(backend):
    user, other = uuid4(), uuid4()
    await backend.add(str(uuid4()), failed(user))
    (mine,) = (await listed(backend, user)).notifications

    assert (await listed(backend, other)).notifications == ()
    assert await mark_notifications_read(other, [mine.id], notifications=backend) == 0
    assert await mark_notifications_read(user, [uuid4()], notifications=backend) == 0
    assert await mark_notifications_read(user, [mine.id], notifications=backend) == 1


async def test_pages_follow_each_other_without_gap_or_repeat(backend):
    user = uuid4()
    for minute in range(5):
        await backend.add(str(uuid4()), failed(user, minute, group_key=str(minute)))
    seen, token = [], ""
    while True:
        page = await listed(backend, user, page_size=2, page_token=token)
        seen += [each.last_at for each in page.notifications]
        token = page.next_page_token
        if not token:
            break

    assert seen == [BEGAN + timedelta(minutes=minute) for minute in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("token", ["x", "1", "1-x", f"{10**30}-{'1' * 32}"])
async def test_a_forged_page_token_is_refused(fake_backend, token):
    with pytest.raises(InvalidPageToken):
        await listed(fake_backend, uuid4(), page_token=token)


async def test_requests_out_of_bounds_are_refused(fake_backend):
    with pytest.raises(Invalid):
        await listed(fake_backend, uuid4(), page_size=101)
    with pytest.raises(Invalid):
        await mark_notifications_read(uuid4(), [uuid4()] * 101, notifications=fake_backend)
