"""Each endpoint and each role, from one table: everything else is denied."""

from __future__ import annotations

from typing import Any, cast

import httpx2
import pytest
from pixel_gateway.adapters.metrics import REFUSED_ROLES
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey
from pixel_gateway.domain.access import MAY_USE, Access, Role, RoleRequired, check_access

from tests.fakes.gateway import Backstage
from tests.fakes.gateway_app import http_app
from tests.fakes.gateway_endpoints import ENDPOINTS

QUEUE_SECRET = "the-queue-secret"
ZEROS = "0" * 32
SIGNED = "GET /media/objects/{key:path}"
"""Open to everybody with a signed URL, and refused with 403 otherwise."""

PUBLIC = {
    "GET /",
    "GET /docs",
    "GET /docs/{file:str}",
    "GET /healthz",
    "GET /media/objects/{key:path}",
    "GET /openapi.json",
    "GET /readyz",
}
OPTIONAL = {"GET /api/images/discover", "GET /api/sets/{id:str}"}
PROCESSOR = {"POST /api/queue/process"}
MEMBERS = {
    "DELETE /api/generations/{id:str}",
    "DELETE /api/keys/{id:str}",
    "DELETE /api/keys/{id:str}/budget",
    "GET /api/credits",
    "GET /api/credits/transactions",
    "GET /api/events",
    "GET /api/generation/{id:str}/status",
    "GET /api/generations",
    "GET /api/generations/{id:str}",
    "GET /api/generations/{id:str}/events",
    "GET /api/generations/{id:str}/log",
    "GET /api/generations/{id:str}/receipt",
    "GET /api/kafka/health",
    "GET /api/keys",
    "GET /api/keys/{id:str}/budget",
    "GET /api/me",
    "GET /api/models",
    "GET /api/notifications",
    "GET /api/queue/status",
    "GET /api/queue/status/{id:str}",
    "GET /api/stats/generations",
    "GET /api/usage",
    "GET /v1/models",
    "GET /v1/models/{name:str}",
    "POST /api/credits/promotions",
    "POST /api/generations",
    "POST /api/generations/cancel",
    "POST /api/generations/retry",
    "POST /api/generations/{id:str}/cancel",
    "POST /api/generations/{id:str}/retry",
    "POST /api/keys",
    "POST /api/notifications/read",
    "POST /api/quotes",
    "POST /api/routes/explain",
    "POST /api/tickets",
    "POST /v1/images/generations",
    "PUT /api/keys/{id:str}/budget",
}
EXPECTED = (
    dict.fromkeys(PUBLIC, Access.PUBLIC)
    | dict.fromkeys(OPTIONAL, Access.OPTIONAL)
    | dict.fromkeys(PROCESSOR, Access.PROCESSOR)
    | dict.fromkeys(MEMBERS, Access.REQUIRED)
)


ADMIN = sorted(name for name, endpoint in ENDPOINTS.items() if endpoint.path.startswith("/api/admin/"))


def expected_access(name: str) -> Access | None:
    """The access in the table above: all of /api/admin/ is for admins, everything else is listed."""
    return Access.ADMIN if " /api/admin/" in name else EXPECTED.get(name)


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_every_endpoint_has_its_expected_access(name):
    assert ENDPOINTS[name].access is expected_access(name)


@pytest.mark.parametrize("access", list(Access))
def test_every_kind_of_access_is_in_the_table(access):
    assert MAY_USE[access]


def test_an_unknown_kind_of_access_is_denied_to_everybody():
    for role in Role:
        with pytest.raises(RoleRequired):
            check_access(cast("Access", "unheard of"), role)


@pytest.fixture
async def secrets(backstage: Backstage) -> dict[Role, str]:
    """A key of one account of each role."""
    made = {}
    for role, username in ((Role.MEMBER, "mem"), (Role.MODERATOR, "mod"), (Role.ADMIN, "root")):
        account = await backstage.app.accounts.ensure(EnsureAccount(username))
        if role is Role.MODERATOR:
            await backstage.accounts.set_role(account.id, role)
        made[role] = (await backstage.app.accounts.create_api_key(CreateApiKey(account.id, "k")))[1]
    return made


@pytest.fixture
async def http(backstage: Backstage):
    app = http_app(backstage.app, image_wait_s=0.2, queue_secret=QUEUE_SECRET)
    transport = httpx2.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test") as client:
        yield client


def address_of(path: str) -> str:
    """A path that its endpoint refuses or does not find before it has an effect."""
    filled = path.replace("{id:str}", f"gen_{ZEROS}").replace("{queue:str}", "none").replace("{name:str}", "none")
    return filled.replace("{code:str}", "none").replace("{file:str}", "none.js").replace("{key:path}", "none")


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.MEMBER, Role.MODERATOR, Role.ADMIN, Role.PROCESSOR])
async def test_each_role_has_exactly_the_access_of_the_table(http, secrets, role):
    headers = {"x-queue-secret": QUEUE_SECRET} if role is Role.PROCESSOR else {}
    if role in secrets:
        headers = {"authorization": f"Bearer {secrets[role]}"}
    refused_roles = REFUSED_ROLES.labels(Access.ADMIN, role)._value.get()
    turned_away = 0

    for name, endpoint in ENDPOINTS.items():
        if name == SIGNED:
            continue
        # HEAD ends a stream at once; other methods get a body that is refused after the access check.
        method = "HEAD" if endpoint.method == "GET" else endpoint.method
        body = b"" if endpoint.body is None else b"{"
        answer = await http.request(
            method, address_of(endpoint.path), content=body, headers=headers | {"content-type": "application/json"}
        )
        seen_as = Role.ANONYMOUS if role is Role.PROCESSOR and endpoint.access is not Access.PROCESSOR else role
        is_allowed = seen_as in MAY_USE[endpoint.access]
        assert (answer.status_code not in {401, 403}) is is_allowed, (name, role, answer.status_code)
        turned_away += not is_allowed and endpoint.access is Access.ADMIN and role in secrets

    assert REFUSED_ROLES.labels(Access.ADMIN, role)._value.get() == refused_roles + turned_away


@pytest.mark.parametrize("name", ADMIN)
async def test_a_member_is_refused_at_every_endpoint_of_admins(http, secrets, name):
    endpoint = ENDPOINTS[name]

    answer = await http.request(
        endpoint.method, address_of(endpoint.path), headers={"authorization": f"Bearer {secrets[Role.MEMBER]}"}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("secret", ["", "the-queue-secre", "the-queue-secret2", "ümlaut"])
async def test_processing_the_queue_without_its_secret_is_refused(http, backstage, secret):
    answer = await http.post("/api/queue/process", headers={"x-queue-secret": secret.encode()})

    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_QUEUE_SECRET")
    assert backstage.engine.queue.passes == 0


@pytest.mark.parametrize("headers", [{"x-queue-secret": QUEUE_SECRET}, {"authorization": f"Bearer {QUEUE_SECRET}"}])
async def test_processing_the_queue_with_its_secret_is_allowed(http, backstage, headers):
    answer = await http.post("/api/queue/process", headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"signalledQueues": 1, "sweptJobs": 0})
    assert backstage.engine.queue.passes == 1


async def test_processing_the_queue_is_disabled_without_a_configured_secret(client, backstage):
    refused = REFUSED_ROLES.labels(Access.PROCESSOR, Role.ANONYMOUS)._value.get()

    for headers in ({}, {"x-queue-secret": ""}, {"authorization": "Bearer "}):
        answer = await client.post("/api/queue/process", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "QUEUE_SECRET_NOT_SET")

    assert backstage.engine.queue.passes == 0
    assert REFUSED_ROLES.labels(Access.PROCESSOR, Role.ANONYMOUS)._value.get() == refused + 3


async def test_a_configured_admin_gets_the_role_also_on_an_older_account(backstage):
    account = await backstage.app.accounts.ensure(EnsureAccount("root"))
    await backstage.accounts.set_role(account.id, Role.MEMBER)

    again = await backstage.app.accounts.ensure(EnsureAccount("root"))

    assert (account.role, again.role) == (Role.ADMIN, Role.ADMIN)
    assert (await backstage.accounts.get(account.id)).role is Role.ADMIN
    assert (await backstage.app.accounts.ensure(EnsureAccount("ada"))).role is Role.MEMBER
