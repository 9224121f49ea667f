"""Sets plans, limits and budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

from pixel_generation.domain.billing.budgets import BudgetLimit, Scope, names_subject
from pixel_generation.domain.errors import BudgetNotFound, PlanNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.billing.ports import AccountChange, Accounts, Budgets
    from pixel_generation.domain.billing.budgets import Budget
    from pixel_generation.domain.billing.credits import Account

MOST_AMOUNT = 1_000_000_000_000_000
MOST_RUNNING = 100_000
MAX_BUDGETS = 1_000
AS_THE_PLAN_SAYS = -1


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    """New plan and limits of a user."""

    user_id: UUID
    change: AccountChange
    actor: str


@dataclass(frozen=True, slots=True)
class SetBudget:
    """A budget to create or to change."""

    limit: BudgetLimit
    actor: str


@dataclass(frozen=True, slots=True)
class DeleteBudget:
    """A budget to delete."""

    budget_id: UUID
    actor: str


@dataclass(frozen=True, slots=True)
class ListBudgets:
    """Budgets by scope and subject; None means all."""

    scope: Scope | None = None
    subject: str | None = None


async def update_account(command: UpdateAccount, *, accounts: Accounts) -> Account:
    """Set plan and limits; return the changed account. Raise Invalid or PlanNotFound."""
    change = command.change
    daily, running = change.daily_limit, change.max_running
    if daily is not None and not AS_THE_PLAN_SAYS <= daily <= MOST_AMOUNT:
        raise _invalid("dailyLimit", "A daily limit is 0 or more credits, or -1 for the plan's limit.")
    if running is not None and running != AS_THE_PLAN_SAYS and not 1 <= running <= MOST_RUNNING:
        raise _invalid("maxRunning", f"1 to {MOST_RUNNING} jobs run at once, or -1 for the plan's limit.")
    if not await accounts.update(command.user_id, change, actor=command.actor):
        raise PlanNotFound(metadata={"plan": (change.plan or "")[:100]})
    return await accounts.find(command.user_id)


async def set_budget(command: SetBudget, *, budgets: Budgets) -> Budget:
    """Create a budget or change its limit; raise Invalid."""
    limit = command.limit
    if not names_subject(limit.scope, limit.subject):
        raise _invalid("subject", f"This names no {limit.scope}.")
    if not 0 <= limit.limit_amount <= MOST_AMOUNT:
        raise _invalid("limitAmount", f"A budget is 0 to {MOST_AMOUNT}.")
    return await budgets.set(limit, actor=command.actor)


async def delete_budget(command: DeleteBudget, *, budgets: Budgets) -> None:
    """Delete a budget; raise BudgetNotFound."""
    if not await budgets.delete(command.budget_id, actor=command.actor):
        raise BudgetNotFound


async def list_budgets(query: ListBudgets, *, budgets: Budgets) -> list[Budget]:
    """Return budgets by scope and subject; raise Invalid."""
    if query.subject is not None and query.scope is None:
        raise _invalid("scope", "A subject needs its scope.")
    return await budgets.find(scope=query.scope, subject=query.subject, limit=MAX_BUDGETS)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
