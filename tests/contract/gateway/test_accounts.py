"""Contract of accounts and keys: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pixel_errors import NotFound
from pixel_gateway.adapters.outbound.postgres import PostgresAccounts, PostgresApiKeys
from pixel_gateway.application.accounts.ports import Accounts, ApiKeys
from pixel_gateway.domain.access import Role
from pixel_gateway.domain.account import Account
from pixel_gateway.domain.api_key import MAX_KEYS, ApiKey, KeyNotFound, Principal, TooManyKeys, digest
from pixel_postgres import open_pool
from pixel_runtime.ids import format_id, new_id

from tests.fakes.gateway_accounts import FakeAccounts, FakeApiKeys

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.ports import Accounts, ApiKeys

CONTRACTS = {Accounts: (FakeAccounts, PostgresAccounts), ApiKeys: (FakeApiKeys, PostgresApiKeys)}

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@dataclass
class Backend:
    accounts: Accounts
    keys: ApiKeys

    async def account(self, username: str = "ada", first_credits: int = 0) -> Account:
        return await self.accounts.ensure(Account(format_id("usr", new_id()), username, NOW), first_credits)


@pytest.fixture
def fake_backend():
    accounts = FakeAccounts()
    return Backend(accounts, FakeApiKeys(accounts))


@pytest.fixture
async def real_backend(make_database):
    database = await make_database("gateway")
    async with open_pool(database.url, schema="gateway", application="test") as pool:
        yield Backend(PostgresAccounts(pool), PostgresApiKeys(pool))


@pytest.fixture(params=["fake", "real"])
def backend(request):
    return request.getfixturevalue(f"{request.param}_backend")


def key_of(account: Account, number: int = 0) -> ApiKey:
    return ApiKey(
        format_id("key", new_id()), account.id, f"key {number}", "pxl_00000000", NOW + timedelta(seconds=number)
    )


async def test_a_username_has_one_account(backend):
    accounts = await asyncio.gather(*(backend.account() for _ in range(10)))

    assert len({account.id for account in accounts}) == 1
    assert await backend.accounts.get(accounts[0].id) == accounts[0]
    assert await backend.accounts.get(format_id("usr", new_id())) is None


async def test_first_credits_stay_due_until_they_are_granted(backend):
    account = await backend.account("ada", first_credits=1000)
    await backend.account("bob")
    await backend.account("ada", first_credits=5)

    assert await backend.accounts.owed_credits(10) == [(account.id, 1000)]
    await backend.accounts.first_credits_given(account.id)
    await backend.accounts.first_credits_given(account.id)
    assert await backend.accounts.owed_credits(10) == []


async def test_a_key_is_found_by_its_digest_until_it_is_revoked(backend):
    account = await backend.account()
    key = key_of(account)
    await backend.keys.add(key, digest("a"))
    assert await backend.keys.find(digest("a")) == Principal(account.id, key.id)
    assert await backend.keys.find(digest("b")) is None

    revoked, secret_digest = await backend.keys.revoke(account.id, key.id, NOW)
    again, _ = await backend.keys.revoke(account.id, key.id, NOW + timedelta(hours=1))

    assert secret_digest == digest("a")
    assert revoked.revoke_time == again.revoke_time == NOW
    assert await backend.keys.find(digest("a")) is None


async def test_another_accounts_key_cannot_be_revoked(backend):
    ada, bob = await backend.account("ada"), await backend.account("bob")
    key = key_of(ada)
    await backend.keys.add(key, digest("a"))

    with pytest.raises(KeyNotFound):
        await backend.keys.revoke(bob.id, key.id, NOW)
    assert await backend.keys.find(digest("a")) is not None


async def test_an_unknown_account_gets_no_key(backend):
    with pytest.raises(NotFound):
        await backend.keys.add(key_of(Account(format_id("usr", new_id()), "nobody", NOW)), digest("a"))


async def test_a_key_has_the_current_role_of_its_account(backend):
    account = await backend.account()
    key = key_of(account)
    await backend.keys.add(key, digest("a"))
    assert account.role is Role.MEMBER
    assert await backend.keys.find(digest("a")) == Principal(account.id, key.id, Role.MEMBER)

    await backend.accounts.set_role(account.id, Role.ADMIN)

    assert await backend.keys.find(digest("a")) == Principal(account.id, key.id, Role.ADMIN)
    assert (await backend.accounts.get(account.id)).role is Role.ADMIN
    assert (await backend.account()).role is Role.ADMIN
    with pytest.raises(NotFound):
        await backend.accounts.set_role(format_id("usr", new_id()), Role.ADMIN)


async def test_an_account_can_be_created_as_an_admin(backend):
    new = Account(format_id("usr", new_id()), "root", NOW, Role.ADMIN)

    assert (await backend.accounts.ensure(new, 0)).role is Role.ADMIN


async def test_keys_are_listed_newest_first(backend):
    account = await backend.account()
    keys = [key_of(account, number) for number in range(3)]
    for number, key in enumerate(keys):
        await backend.keys.add(key, digest(str(number)))

    assert await backend.keys.of_account(account.id) == keys[::-1]


async def test_an_account_has_a_maximum_of_active_keys(backend):
    account = await backend.account()
    for number in range(MAX_KEYS - 1):
        await backend.keys.add(key_of(account, number), digest(str(number)))

    outcomes = await asyncio.gather(
        *(backend.keys.add(key_of(account), digest(f"last {number}")) for number in range(5)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [TooManyKeys] * 4


async def test_an_older_last_use_never_replaces_a_newer_one(backend):
    account = await backend.account()
    key = key_of(account)
    await backend.keys.add(key, digest("a"))
    await backend.keys.used({key.id: NOW})
    await backend.keys.used({key.id: NOW - timedelta(minutes=1)})

    assert (await backend.keys.of_account(account.id))[0].last_use_time == NOW
