"""Accounts and their keys, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import NotFound
from pixel_gateway.domain.access import Role
from pixel_gateway.domain.api_key import MAX_KEYS, ApiKey, KeyNotFound, Principal, TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pixel_gateway.domain.account import Account


@dataclass
class _StoredAccount:
    account: Account
    first_credits: int
    is_given: bool = False


class FakeAccounts:
    """Accounts by username."""

    def __init__(self) -> None:
        self.rows: dict[str, _StoredAccount] = {}

    async def ensure(self, account: Account, first_credits: int) -> Account:
        return self.rows.setdefault(account.username, _StoredAccount(account, first_credits)).account

    async def get(self, user_id: str) -> Account | None:
        return next((row.account for row in self.rows.values() if row.account.id == user_id), None)

    async def owed_credits(self, limit: int) -> list[tuple[str, int]]:
        owed = [row for row in self.rows.values() if row.first_credits and not row.is_given]
        return [(row.account.id, row.first_credits) for row in owed[:limit]]

    async def first_credits_given(self, user_id: str) -> None:
        for row in self.rows.values():
            if row.account.id == user_id:
                row.is_given = True

    async def set_role(self, user_id: str, role: Role) -> None:
        for row in self.rows.values():
            if row.account.id == user_id:
                row.account = replace(row.account, role=role)
                return
        raise NotFound("There is no such account.", reason="ACCOUNT_NOT_FOUND")


class FakeApiKeys:
    """API keys by digest."""

    def __init__(self, accounts: FakeAccounts) -> None:
        self._accounts = accounts
        self.rows: dict[bytes, ApiKey] = {}
        self.lookups = 0

    async def add(self, key: ApiKey, secret_digest: bytes) -> None:
        if await self._accounts.get(key.user_id) is None:
            raise NotFound("There is no such account.", reason="ACCOUNT_NOT_FOUND")
        if sum(row.user_id == key.user_id and row.revoke_time is None for row in self.rows.values()) >= MAX_KEYS:
            raise TooManyKeys
        self.rows[secret_digest] = key

    async def find(self, secret_digest: bytes) -> Principal | None:
        self.lookups += 1
        key = self.rows.get(secret_digest)
        if key is None or key.revoke_time:
            return None
        account = await self._accounts.get(key.user_id)
        return Principal(key.user_id, key.id, Role.MEMBER if account is None else account.role)

    async def revoke(self, user_id: str, key_id: str, at: datetime) -> tuple[ApiKey, bytes]:
        for secret_digest, key in self.rows.items():
            if key.id == key_id and key.user_id == user_id:
                self.rows[secret_digest] = replace(key, revoke_time=key.revoke_time or at)
                return self.rows[secret_digest], secret_digest
        raise KeyNotFound

    async def of_account(self, user_id: str) -> list[ApiKey]:
        keys = [key for key in self.rows.values() if key.user_id == user_id]
        return sorted(keys, key=lambda key: (key.create_time, key.id), reverse=True)[:100]

    async def used(self, times: Mapping[str, datetime]) -> None:
        for secret_digest, key in self.rows.items():
            at = times.get(key.id)
            if at and (key.last_use_time is None or key.last_use_time < at):
                self.rows[secret_digest] = replace(key, last_use_time=at)
