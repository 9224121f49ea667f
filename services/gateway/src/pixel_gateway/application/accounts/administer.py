"""Use cases of admins on accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import NotFound

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.ports import Accounts
    from pixel_gateway.application.billing.ports import Adjustments
    from pixel_gateway.domain.access import Role
    from pixel_gateway.domain.account import Account, AccountChange, Balance
    from pixel_gateway.domain.billing import AdjustCredits, Adjusted


class AccountNotFound(NotFound):
    """There is no such account."""

    reason = "ACCOUNT_NOT_FOUND"


async def adjust_credits(command: AdjustCredits, *, accounts: Accounts, adjustments: Adjustments) -> Adjusted:
    """Make the adjustment, once per user and adjustment id; raise AccountNotFound."""
    await _require(command.user_id, accounts)
    return await adjustments.adjust(
        command.user_id,
        command.credits,
        adjustment_id=command.adjustment_id,
        reason=command.reason,
        actor=command.actor,
    )


async def update_user(
    change: AccountChange, role: Role | None, *, accounts: Accounts, adjustments: Adjustments
) -> tuple[Account, Balance]:
    """Set plan, limits and role of an account; return it with its balance; raise AccountNotFound.

    The ledger is changed first: an unknown plan changes nothing.
    """
    await _require(change.user_id, accounts)
    balance = await adjustments.update_account(change)
    if role is not None:
        await accounts.set_role(change.user_id, role)
    return await _require(change.user_id, accounts), balance


async def _require(user_id: str, accounts: Accounts) -> Account:
    account = await accounts.get(user_id)
    if account is None:
        raise AccountNotFound
    return account
