"""Use cases of admins on accounts and the queue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pixel_errors import NotFound

from pixel_gateway.domain.operations import FailureFilter

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.ports import Accounts
    from pixel_gateway.application.billing.ports import Adjustments
    from pixel_gateway.application.operations.ports import FailedGenerations, QueueOperations, Records
    from pixel_gateway.application.ports import Clock
    from pixel_gateway.domain.access import Role
    from pixel_gateway.domain.account import Account, AccountChange, Balance
    from pixel_gateway.domain.billing import Adjusted
    from pixel_gateway.domain.operations import Action, FailurePage, QueueStatus, Stats

_MONITORED = timedelta(days=1)
_LATEST_ACTIONS = 20
_LATEST_FAILURES = 20


class AccountNotFound(NotFound):
    """There is no such account."""

    reason = "ACCOUNT_NOT_FOUND"


@dataclass(frozen=True)
class AdjustCredits:
    """Add credits to an account, or deduct them when negative."""

    user_id: str
    credits: int
    adjustment_id: str
    reason: str
    actor: str


@dataclass(frozen=True)
class Monitored:
    """An overview for operators."""

    queue: QueueStatus
    stats: Stats
    failures: FailurePage
    actions: list[Action]


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


async def monitor(*, queue: QueueOperations, records: Records, failures: FailedGenerations, clock: Clock) -> Monitored:
    """Return queued and running jobs now, and generations that ended or failed since yesterday."""
    since = clock.now() - _MONITORED
    async with asyncio.TaskGroup() as group:
        status = group.create_task(queue.status())
        stats = group.create_task(records.stats("", since, None))
        failed = group.create_task(failures.page(FailureFilter(from_time=since), limit=_LATEST_FAILURES, cursor=""))
        actions = group.create_task(records.actions(limit=_LATEST_ACTIONS))
    return Monitored(status.result(), stats.result(), failed.result(), actions.result()[0])


async def _require(user_id: str, accounts: Accounts) -> Account:
    account = await accounts.get(user_id)
    if account is None:
        raise AccountNotFound
    return account
