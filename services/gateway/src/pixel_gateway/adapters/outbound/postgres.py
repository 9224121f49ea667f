"""Accounts and API keys in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_errors import NotFound
from pixel_postgres import Pool, execute, fetch_all, fetch_one, load_queries
from pixel_runtime.ids import format_id, parse_id

from pixel_gateway.domain.access import Role
from pixel_gateway.domain.account import Account
from pixel_gateway.domain.api_key import MAX_KEYS, ApiKey, KeyNotFound, Principal, TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ACCOUNTS = load_queries("pixel_gateway.sql", "accounts.sql")
API_KEYS = load_queries("pixel_gateway.sql", "api_keys.sql")


class PostgresAccounts:
    """Accounts by username."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ensure(self, account: Account, first_credits: int) -> Account:
        """Store the account unless its username is taken; return the one that has the username."""
        row = {
            "id": parse_id("usr", account.id),
            "username": account.username,
            "first_credits": first_credits,
            "created_at": account.create_time,
            "role": str(account.role),
        }
        async with self._pool.transaction() as conn:
            await execute(conn, ACCOUNTS["insert_account"], row)
            stored = await fetch_one(conn, ACCOUNTS["get_account_by_username"], {"username": account.username})
        if stored is None:
            raise NotFound("The account does not exist any more.")
        return _account(stored)

    async def get(self, user_id: str) -> Account | None:
        """Return the account, or None."""
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, ACCOUNTS["get_account"], {"id": parse_id("usr", user_id)})
        return None if row is None else _account(row)

    async def owed_credits(self, limit: int) -> list[tuple[str, int]]:
        """Return users whose first credits are not confirmed, oldest first, with the credits."""
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, ACCOUNTS["list_owed_credits"], {"limit": limit})
        return [(format_id("usr", row["id"]), row["first_credits"]) for row in rows]

    async def first_credits_given(self, user_id: str) -> None:
        """Record that the first credits were granted; idempotent."""
        async with self._pool.autocommit() as conn:
            await execute(conn, ACCOUNTS["mark_first_credits_given"], {"id": parse_id("usr", user_id)})

    async def set_role(self, user_id: str, role: Role) -> None:
        """Give the account a role; raise NotFound for an unknown account."""
        facts = {"id": parse_id("usr", user_id), "role": str(role)}
        async with self._pool.autocommit() as conn:
            if await fetch_one(conn, ACCOUNTS["set_role"], facts) is None:
                raise NotFound("There is no such account.", reason="ACCOUNT_NOT_FOUND")


class PostgresApiKeys:
    """API keys by the digest of their secret."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, key: ApiKey, secret_digest: bytes) -> None:
        """Store a key; raise NotFound for an unknown account, TooManyKeys at the limit."""
        account_id = parse_id("usr", key.user_id)
        async with self._pool.transaction() as conn:
            if await fetch_one(conn, API_KEYS["lock_account"], {"account_id": account_id}) is None:
                raise NotFound("There is no such account.", reason="ACCOUNT_NOT_FOUND")
            counted = await fetch_one(conn, API_KEYS["count_working_keys"], {"account_id": account_id})
            if counted is not None and counted["working"] >= MAX_KEYS:
                raise TooManyKeys
            row = {
                "id": parse_id("key", key.id),
                "account_id": account_id,
                "name": key.name,
                "prefix": key.prefix,
                "secret_sha256": secret_digest,
                "created_at": key.create_time,
            }
            await execute(conn, API_KEYS["insert_key"], row)

    async def find(self, secret_digest: bytes) -> Principal | None:
        """Return the principal of an active key; None when it is unknown or revoked."""
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, API_KEYS["find_working_key"], {"secret_sha256": secret_digest})
        if row is None:
            return None
        return Principal(
            user_id=format_id("usr", row["account_id"]), key_id=format_id("key", row["id"]), role=Role(row["role"])
        )

    async def revoke(self, user_id: str, key_id: str, at: datetime) -> tuple[ApiKey, bytes]:
        """Revoke and return the key and its digest; idempotent; raise KeyNotFound."""
        facts = {"id": parse_id("key", key_id), "account_id": parse_id("usr", user_id), "at": at}
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, API_KEYS["revoke_key"], facts)
        if row is None:
            raise KeyNotFound
        return _key(row), bytes(row["secret_sha256"])

    async def of_account(self, user_id: str) -> list[ApiKey]:
        """Return at most 100 keys, newest first."""
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, API_KEYS["list_keys"], {"account_id": parse_id("usr", user_id)})
        return [_key(row) for row in rows]

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Record when keys were last used."""
        facts = {"ids": [parse_id("key", key_id) for key_id in times], "times": [*times.values()]}
        async with self._pool.autocommit() as conn:
            await execute(conn, API_KEYS["mark_keys_used"], facts)


def _account(row: dict[str, Any]) -> Account:
    return Account(
        id=format_id("usr", row["id"]),
        username=row["username"],
        create_time=row["created_at"],
        role=Role(row["role"]),
    )


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=format_id("key", row["id"]),
        user_id=format_id("usr", row["account_id"]),
        name=row["name"],
        prefix=row["prefix"],
        create_time=row["created_at"],
        revoke_time=row["revoked_at"],
        last_use_time=row["last_used_at"],
    )
