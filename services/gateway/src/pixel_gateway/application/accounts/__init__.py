"""Accounts, their keys and notifications.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pixel_gateway.application.accounts.accounts import EnsureAccount
    from pixel_gateway.application.accounts.api_keys import CreateApiKey, RevokeApiKey
    from pixel_gateway.domain.access import Role
    from pixel_gateway.domain.account import Account, AccountChange, Balance
    from pixel_gateway.domain.api_key import ApiKey, Principal
    from pixel_gateway.domain.notification import NotificationPage


@dataclass(frozen=True, kw_only=True)
class AccountUseCases:
    """Accounts, their keys and notifications."""

    authenticate: Callable[[str], Awaitable[Principal]]
    write_key_usage: Callable[[], Awaitable[None]]
    ensure: Callable[[EnsureAccount], Awaitable[Account]]
    give_owed_credits: Callable[[], Awaitable[int]]
    get: Callable[[str], Awaitable[Account | None]]
    create_api_key: Callable[[CreateApiKey], Awaitable[tuple[ApiKey, str]]]
    revoke_api_key: Callable[[RevokeApiKey], Awaitable[ApiKey]]
    list_api_keys: Callable[[str], Awaitable[list[ApiKey]]]
    update_user: Callable[[AccountChange, Role | None], Awaitable[tuple[Account, Balance]]]
    list_notifications: Callable[..., Awaitable[NotificationPage]]
    mark_notifications_read: Callable[[str, Sequence[str]], Awaitable[int]]
