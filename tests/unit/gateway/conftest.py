"""The whole HTTP application on fakes, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
import pytest
from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey

from tests.fakes.gateway import Backstage
from tests.fakes.gateway_app import http_app


@pytest.fixture
def backstage() -> Backstage:
    return Backstage()


@pytest.fixture
def checks() -> dict[str, str]:
    return {"postgres": "ok"}


@pytest.fixture
async def user_id(backstage: Backstage) -> str:
    account = await backstage.app.accounts.ensure(EnsureAccount("ada", first_credits=1000))
    return account.id


@pytest.fixture
async def secret(backstage: Backstage, user_id: str) -> str:
    _, secret = await backstage.app.accounts.create_api_key(CreateApiKey(user_id, "laptop"))
    return secret


@pytest.fixture
async def other_secret(backstage: Backstage) -> str:
    account = await backstage.app.accounts.ensure(EnsureAccount("bob"))
    _, secret = await backstage.app.accounts.create_api_key(CreateApiKey(account.id, "laptop"))
    return secret


@pytest.fixture
async def anonymous(backstage: Backstage, checks: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(
        cast("Any", http_app(backstage.app, checks, image_wait_s=0.2)), raise_app_exceptions=False
    )
    async with httpx2.AsyncClient(transport=transport, base_url="http://studio.test") as client:
        yield client


@pytest.fixture
def client(anonymous: httpx2.AsyncClient, secret: str) -> httpx2.AsyncClient:
    anonymous.headers["authorization"] = f"Bearer {secret}"
    return anonymous
