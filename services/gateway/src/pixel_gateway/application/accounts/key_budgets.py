"""Budgets of keys, set by their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.domain.api_key import KeyNotFound
from pixel_gateway.domain.billing import Budget, BudgetNotFound, KeyHasBudget

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.ports import ApiKeys
    from pixel_gateway.application.billing.ports import Budgets

_SCOPE = "key"


async def list_key_budgets(user_id: str, key_id: str, *, keys: ApiKeys, budgets: Budgets) -> list[Budget]:
    """Return the budgets of an own key; raise KeyNotFound."""
    await _require_own(user_id, key_id, keys)
    return await budgets.of(_SCOPE, key_id)


async def put_key_budget(
    user_id: str, key_id: str, period: str, limit_credits: int, *, keys: ApiKeys, budgets: Budgets
) -> Budget:
    """Create or change the budget of an own key for a period; raise KeyNotFound."""
    await _require_own(user_id, key_id, keys)
    budget = Budget(id="", scope=_SCOPE, subject=key_id, period=period, unit="credits", limit_amount=limit_credits)
    return await budgets.put(budget, user_id)


async def delete_key_budget(user_id: str, key_id: str, period: str, *, keys: ApiKeys, budgets: Budgets) -> list[Budget]:
    """Delete the budget of an own key for a period, or all when it is empty; raise KeyNotFound, BudgetNotFound."""
    await _require_own(user_id, key_id, keys)
    removed = [each for each in await budgets.of(_SCOPE, key_id) if period in ("", each.period)]
    if not removed:
        raise BudgetNotFound
    for each in removed:
        await budgets.delete(each.id, user_id)
    return removed


async def refuse_limited_key(api_key_id: str, *, budgets: Budgets) -> None:
    """Raise KeyHasBudget when the caller's own key has a budget."""
    if api_key_id and await budgets.of(_SCOPE, api_key_id):
        raise KeyHasBudget


async def _require_own(user_id: str, key_id: str, keys: ApiKeys) -> None:
    if not any(key.id == key_id for key in await keys.of_account(user_id)):
        raise KeyNotFound
