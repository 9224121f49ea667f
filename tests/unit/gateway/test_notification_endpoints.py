"""Notifications are shown once, until they are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pixel_gateway.domain.notification import Notification

FAILED = Notification(
    id="ntf_" + "1" * 32,
    kind="generation_failed",
    count=7,
    reasons={"timeout": 5, "blocked": 2},
    generation_id="gen_" + "2" * 32,
    first_time=datetime(2026, 11, 21, 9, tzinfo=UTC),
    last_time=datetime(2026, 11, 21, 10, tzinfo=UTC),
)


@pytest.fixture
def told(backstage, user_id):
    backstage.notifications.rows[user_id] = [FAILED]


@pytest.mark.usefixtures("told")
async def test_many_failures_are_one_notification(client):
    answer = await client.get("/api/notifications")

    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "id": FAILED.id,
                "kind": "generation_failed",
                "count": 7,
                "reasons": {"timeout": 5, "blocked": 2},
                "generationId": FAILED.generation_id,
                "firstAt": "2026-11-21T09:00:00Z",
                "lastAt": "2026-11-21T10:00:00Z",
                "readAt": None,
            }
        ],
        "nextCursor": None,
        "unreadCount": 1,
    }


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("body", [{}, {"ids": [FAILED.id]}])
async def test_notifications_are_marked_as_read(client, body):
    assert (await client.post("/api/notifications/read", json=body)).json() == {"markedCount": 1}
    assert (await client.post("/api/notifications/read", json=body)).json() == {"markedCount": 0}
    page = (await client.get("/api/notifications?unread=true")).json()
    assert (page["items"], page["unreadCount"]) == ([], 0)


@pytest.mark.usefixtures("told")
async def test_notifications_are_visible_to_their_owner_only(client, other_secret):
    theirs = {"authorization": f"Bearer {other_secret}"}
    assert (await client.get("/api/notifications", headers=theirs)).json()["items"] == []
    asked = await client.post("/api/notifications/read", json={"ids": [FAILED.id]}, headers=theirs)
    assert asked.json() == {"markedCount": 0}


@pytest.mark.parametrize(
    ("body", "status"), [({"ids": []}, 422), ({"ids": ["x"]}, 404), ({"all": True}, 422), ({"ids": ["a"] * 101}, 422)]
)
async def test_an_invalid_request_is_refused(client, body, status):
    assert (await client.post("/api/notifications/read", json=body)).status_code == status


@pytest.mark.parametrize("query", ["unread=yes", "limit=0", "cursor=", "cursor=x", "page=1"])
async def test_an_invalid_query_is_refused(client, query):
    assert (await client.get(f"/api/notifications?{query}")).status_code == 422
