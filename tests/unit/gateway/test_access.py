from __future__ import annotations

import pytest
from pixel_gateway.application.accounts.api_keys import REMEMBERED_S, Authenticator
from pixel_gateway.domain.api_key import KeyRefused

CLOSED = [
    ("GET", "/api/me"),
    ("GET", "/api/keys"),
    ("POST", "/api/keys"),
    ("GET", "/api/generations"),
    ("POST", "/api/generations"),
    ("GET", "/api/models"),
    ("GET", "/api/kafka/health"),
    ("GET", "/api/generations/gen_00000000000000000000000000000000/events"),
]
OPEN = ["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/swagger-ui-bundle.js", "/api/images/discover"]


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer pxl_wrong", "Basic YTpi", f"Bearer pxl_{'x' * 43}"])
async def test_a_protected_endpoint_requires_a_valid_key(anonymous, backstage, method, path, authorization):
    headers = {"authorization": authorization} if authorization else {}

    answer = await anonymous.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "INVALID_API_KEY"
    assert backstage.generations.submissions == []


@pytest.mark.parametrize("path", OPEN)
async def test_a_public_endpoint_requires_no_key(anonymous, path):
    assert (await anonymous.get(path)).status_code == 200


async def test_an_invalid_key_is_refused_at_a_public_endpoint(anonymous):
    answer = await anonymous.get("/api/images/discover", headers={"authorization": f"Bearer pxl_{'x' * 43}"})

    assert answer.status_code == 401


async def test_the_key_can_be_sent_as_x_api_key(anonymous, secret):
    assert (await anonymous.get("/api/me", headers={"x-api-key": secret})).status_code == 200


async def test_two_different_keys_are_refused(client):
    assert (await client.get("/api/me", headers={"x-api-key": "pxl_" + "x" * 43})).status_code == 401


async def test_me_returns_the_account_and_its_credits(client, user_id):
    body = (await client.get("/api/me")).json()

    assert body["id"] == user_id
    assert body["username"] == "ada"
    assert body["credits"] == {"available": 1000, "held": 0}


async def test_a_key_is_created_used_and_revoked(client, backstage):
    made = await client.post("/api/keys", json={"name": "ci"})
    secret, key_id = made.json()["secret"], made.json()["key"]["id"]
    headers = {"authorization": f"Bearer {secret}"}
    assert made.status_code == 201
    assert (await client.get("/api/me", headers=headers)).status_code == 200

    revoked = await client.delete(f"/api/keys/{key_id}")

    assert revoked.json()["revokedAt"]
    assert (await client.get("/api/me", headers=headers)).status_code == 401
    assert (await client.delete(f"/api/keys/{key_id}")).json() == revoked.json()
    listed = (await client.get("/api/keys")).json()["items"]
    assert key_id in [key["id"] for key in listed]
    assert secret not in str(listed)


async def test_another_users_key_cannot_be_revoked(client, backstage, other_secret):
    theirs = next(key for key in backstage.keys.rows.values() if other_secret.startswith(key.prefix) and key.name)
    theirs = list(backstage.keys.rows.values())[-1]

    answer = await client.delete(f"/api/keys/{theirs.id}")

    assert answer.status_code == 404
    assert all(key.revoke_time is None for key in backstage.keys.rows.values())


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb"])
async def test_a_key_needs_a_printable_name(client, name):
    assert (await client.post("/api/keys", json={"name": name})).status_code == 422


async def test_a_looked_up_key_is_cached_for_five_seconds(backstage, secret):
    now = 0.0
    authenticator = Authenticator(keys=backstage.keys, clock=backstage.clock, monotonic=lambda: now)
    await authenticator.authenticate(secret)
    lookups = backstage.keys.lookups
    await authenticator.authenticate(secret)
    assert backstage.keys.lookups == lookups
    key = next(iter(backstage.keys.rows.values()))
    await backstage.keys.revoke(key.user_id, key.id, backstage.clock.now())

    now = REMEMBERED_S + 0.001

    with pytest.raises(KeyRefused):
        await authenticator.authenticate(secret)


async def test_the_last_use_of_a_key_is_written(client, backstage):
    await client.get("/api/me")

    await backstage.app.accounts.write_key_usage()

    assert next(iter(backstage.keys.rows.values())).last_use_time == backstage.clock.now()
