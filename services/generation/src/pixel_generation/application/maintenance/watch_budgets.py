"""Measures the budgets of providers and of the platform, so that operators see them before they refuse work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_generation.domain.billing.budgets import Scope

if TYPE_CHECKING:
    from pixel_generation.application.billing.ports import Budgets
    from pixel_generation.application.maintenance.ports import BudgetObserver

WATCHED = (Scope.PROVIDER, Scope.PLATFORM)
"""Budgets of users and keys belong to their owners, and are too many to measure."""
MOST = 1_000


async def watch_budgets(*, budgets: Budgets, observer: BudgetObserver) -> int:
    """Measure the budgets of providers and of the platform once."""
    observer.budgets(
        [budget for scope in WATCHED for budget in await budgets.find(scope=scope, subject=None, limit=MOST)]
    )
    return 0
