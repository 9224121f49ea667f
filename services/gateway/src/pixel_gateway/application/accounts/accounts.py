"""Accounts and their first credits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import DeadlineExceeded, Unavailable

from pixel_gateway.domain.access import Role
from pixel_gateway.domain.account import Account, check_first_credits, check_username

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.ports import Accounts
    from pixel_gateway.application.billing.ports import Billing
    from pixel_gateway.application.ports import Clock, Ids

SIGNUP_GRANT = "signup"
_OWED_BATCH = 100


@dataclass(frozen=True)
class EnsureAccount:
    """The account of a username."""

    username: str
    first_credits: int = 0


async def ensure_account(
    command: EnsureAccount,
    *,
    accounts: Accounts,
    billing: Billing,
    ids: Ids,
    clock: Clock,
    admin_usernames: frozenset[str] = frozenset(),
) -> Account:
    """Return the account; create it when missing; grant its first credits once, for any number of calls.

    Configured admins get the role, also when their account is older than the setting.
    """
    check_username(command.username)
    check_first_credits(command.first_credits)
    role = Role.ADMIN if command.username in admin_usernames else Role.MEMBER
    new = Account(id=ids.new("usr"), username=command.username, create_time=clock.now(), role=role)
    account = await accounts.ensure(new, command.first_credits)
    if role is Role.ADMIN and account.role is not role:
        await accounts.set_role(account.id, role)
        account = replace(account, role=role)
    if command.first_credits:
        await _give(account.id, command.first_credits, accounts=accounts, billing=billing)
    return account


async def give_owed_credits(*, accounts: Accounts, billing: Billing) -> int:
    """Grant first credits that could not be granted at creation; return how many accounts got theirs."""
    given = 0
    for user_id, credit_count in await accounts.owed_credits(_OWED_BATCH):
        try:
            await _give(user_id, credit_count, accounts=accounts, billing=billing)
        except (Unavailable, DeadlineExceeded):
            # The ledger is unreachable: the rest stays due and the next run retries.
            return given
        given += 1
    return given


async def _give(user_id: str, credit_count: int, *, accounts: Accounts, billing: Billing) -> None:
    await billing.grant(user_id, credit_count, grant_id=SIGNUP_GRANT, reason="First credits")
    await accounts.first_credits_given(user_id)
