"""Converts keys and budgets to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.accounts.schemas import BudgetList, BudgetView, KeyView
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.domain.api_key import ApiKey
    from pixel_gateway.domain.billing import Budget


def key_view(key: ApiKey) -> KeyView:
    """Return the public form of a key."""
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        created_at=key.create_time,
        last_used_at=key.last_use_time,
        revoked_at=key.revoke_time,
    )


def budget_view(budget: Budget) -> BudgetView:
    """Return the public form of a budget."""
    return to_struct(budget, BudgetView)


def budget_list(budgets: Sequence[Budget]) -> BudgetList:
    """Return the public form of budgets."""
    return BudgetList([budget_view(budget) for budget in budgets])
