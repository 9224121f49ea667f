"""Ports of the use cases of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pixel_gateway.domain.access import Role
    from pixel_gateway.domain.account import Account
    from pixel_gateway.domain.api_key import ApiKey, Principal
    from pixel_gateway.domain.notification import NotificationPage


class Accounts(Protocol):
    """Accounts by username."""

    async def ensure(self, account: Account, first_credits: int) -> Account:
        """Store the account unless its username is taken; return the one that has the username."""

    async def get(self, user_id: str) -> Account | None:
        """Return the account, or None."""

    async def owed_credits(self, limit: int) -> list[tuple[str, int]]:
        """Return users whose first credits are not confirmed, oldest first, with the credits."""

    async def first_credits_given(self, user_id: str) -> None:
        """Record that the first credits were granted; idempotent."""

    async def set_role(self, user_id: str, role: Role) -> None:
        """Give the account a role; raise NotFound for an unknown account."""


class ApiKeys(Protocol):
    """API keys by the digest of their secret."""

    async def add(self, key: ApiKey, secret_digest: bytes) -> None:
        """Store a key; raise NotFound for an unknown account, TooManyKeys at the limit."""

    async def find(self, secret_digest: bytes) -> Principal | None:
        """Return the principal of an active key; None when it is unknown or revoked."""

    async def revoke(self, user_id: str, key_id: str, at: datetime) -> tuple[ApiKey, bytes]:
        """Revoke and return the key and its digest; idempotent; raise KeyNotFound."""

    async def of_account(self, user_id: str) -> list[ApiKey]:
        """Return at most 100 keys, newest first."""

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Record when keys were last used."""


class Notifications(Protocol):
    """Notifications of users."""

    async def page(self, user_id: str, *, unread: bool, limit: int, cursor: str) -> NotificationPage:
        """Return a page of the user's notifications; raise InvalidPageToken."""

    async def mark_read(self, user_id: str, ids: Sequence[str]) -> int:
        """Mark the user's notifications as read, all when no ids are given; return how many were unread."""
