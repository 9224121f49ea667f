"""Tell operators how far the budgets that concern them are used, before these refuse anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_generation.domain.billing.budgets import Scope

if TYPE_CHECKING:
    from pixel_generation.application.billing.ports import Budgets
    from pixel_generation.application.maintenance.ports import BudgetObserver

WATCHED = (Scope.PROVIDER, Scope.PLATFORM)
"""Budgets of users and keys are their owners' concern, and too many to watch."""
MOST = 1_000


async def watch_budgets(*, budgets: Budgets, observer: BudgetObserver) -> int:
    """Look once at the budgets of providers and of the platform."""
    observer.budgets(
        [budget for scope in WATCHED for budget in await budgets.find(scope=scope, subject=None, limit=MOST)]
    )
    return 0
