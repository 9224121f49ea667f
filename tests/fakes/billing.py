"""The ledger's corrections, promotions, accounts and budgets in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pixel_generation.application.billing.ports import AccountChange, Adjusted, Redeemed
from pixel_generation.application.reading.page import Page
from pixel_generation.domain.billing.budgets import Budget, BudgetLimit, Period, Scope
from pixel_generation.domain.billing.credits import Account, Balance, Capture
from pixel_generation.domain.billing.promotions import Promotion
from pixel_runtime.ids import new_id

PLANS = {"free": 10_000, "pro": 20_000, "studio": 100_000}
"""Plans, each with its maximum of open jobs."""


@dataclass
class FakeLedger:
    """Grants, corrections and promotions with the rules of the real ones; `now` is constant until set."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    available: dict[UUID, int] = field(default_factory=dict)
    given: set[tuple[UUID, str]] = field(default_factory=set)
    adjustments: dict[tuple[UUID, str], tuple[int, str]] = field(default_factory=dict)
    captures: dict[UUID, Capture] = field(default_factory=dict)
    codes: dict[str, Promotion] = field(default_factory=dict)
    actions: list[tuple[str, str]] = field(default_factory=list)

    async def grant(self, user_id: UUID, credit_count: int, *, grant_id: str, reason: str) -> tuple[bool, int]:
        return self._give(user_id, grant_id, credit_count), self.available.get(user_id, 0)

    async def adjust(
        self, user_id: UUID, credits_added: int, *, adjustment_id: str, reason: str, actor: str
    ) -> Adjusted:
        name, available = f"adjustment:{adjustment_id}", self.available.get(user_id, 0)
        was_other = self.adjustments.get((user_id, name), (credits_added, reason)) != (credits_added, reason)
        was_made = (user_id, name) in self.given
        made = available + credits_added >= 0 and self._give(user_id, name, credits_added)
        if made:
            self.actions.append((actor, "adjust_credits"))
            self.adjustments[user_id, name] = credits_added, reason
        return Adjusted(made, was_made, was_other, self.available.get(user_id, 0))

    async def find_capture(self, job_id: UUID) -> Capture | None:
        return self.captures.get(job_id)

    async def refund(self, job_id: UUID, capture: Capture, credits_back: int, *, reason: str, actor: str) -> bool:
        if not self._give(capture.user_id, f"refund:{job_id}:{capture.round}", credits_back):
            return False
        self.captures[job_id] = replace(capture, refunded=credits_back)
        self.actions.append((actor, "refund"))
        return True

    async def create(
        self, code: str, credit_count: int, *, max_uses: int | None, ends_at: datetime | None, actor: str
    ) -> Promotion | None:
        if code in self.codes:
            return None
        self.codes[code] = Promotion(code, credit_count, max_uses, 0, ends_at, self.now)
        self.actions.append((actor, "create_promotion"))
        return self.codes[code]

    async def page(self, *, after: str, limit: int) -> Page[Promotion, str]:
        found = [self.codes[code] for code in sorted(self.codes) if code > after]
        return Page(found[:limit], found[limit - 1].code if len(found) > limit else None)

    async def end(self, code: str, *, actor: str) -> Promotion | None:
        promotion = self.codes.get(code)
        if promotion is not None and (promotion.ends_at is None or promotion.ends_at > self.now):
            promotion = self.codes[code] = replace(promotion, ends_at=self.now)
            self.actions.append((actor, "end_promotion"))
        return promotion

    async def redeem(self, user_id: UUID, code: str) -> Redeemed | None:
        promotion = self.codes.get(code)
        if promotion is None:
            return None
        was_redeemed = (user_id, f"promotion:{code}") in self.given
        lasts = promotion.ends_at is None or promotion.ends_at > self.now
        left = promotion.max_uses is None or promotion.used < promotion.max_uses
        redeemed = lasts and left and self._give(user_id, f"promotion:{code}", promotion.credits)
        self.codes[code] = replace(promotion, used=promotion.used + redeemed)
        return Redeemed(promotion.credits, redeemed, was_redeemed, self.available.get(user_id, 0))

    def _give(self, user_id: UUID, name: str, credits_added: int) -> bool:
        if (user_id, name) in self.given:
            return False
        self.given.add((user_id, name))
        self.available[user_id] = self.available.get(user_id, 0) + credits_added
        return True


class FakeAccounts:
    """Accounts over the balances of a ledger."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self._changes: dict[UUID, AccountChange] = {}

    async def find(self, user_id: UUID) -> Account:
        change = self._changes.get(user_id, AccountChange("free", None, None))
        plan, limit = change.plan or "free", change.daily_limit
        return Account(
            balance=Balance(self._ledger.available.get(user_id, 0), 0),
            plan=plan,
            daily_limit=limit if limit is not None and limit >= 0 else None,
            spent_today=0,
            reset_at=self._ledger.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1),
            open_jobs=0,
            max_open_jobs=PLANS[plan],
        )

    async def update(self, user_id: UUID, change: AccountChange, *, actor: str) -> bool:
        if change.plan is not None and change.plan not in PLANS:
            return False
        before = self._changes.get(user_id, AccountChange("free", None, None))
        self._changes[user_id] = AccountChange(
            before.plan if change.plan is None else change.plan,
            before.daily_limit if change.daily_limit is None else change.daily_limit,
            before.max_running if change.max_running is None else change.max_running,
        )
        self._ledger.actions.append((actor, "update_account"))
        return True


class FakeBudgets:
    """Budgets of which nothing is used."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self._budgets: dict[UUID, Budget] = {}

    async def set(self, limit: BudgetLimit, *, actor: str) -> Budget:
        self._ledger.actions.append((actor, "set_budget"))
        same = next((known for known in self._budgets.values() if _key(known.limit) == _key(limit)), None)
        started = None if limit.period is Period.TOTAL else self._ledger.now.date()
        budget = replace(same, limit=limit) if same else Budget(new_id(), limit, 0, started)
        self._budgets[budget.id] = budget
        return budget

    async def find(self, *, scope: Scope | None, subject: str | None, limit: int) -> list[Budget]:
        found = [
            known
            for known in self._budgets.values()
            if scope in {None, known.limit.scope} and subject in {None, known.limit.subject}
        ]
        return sorted(found, key=lambda known: _key(known.limit))[:limit]

    async def delete(self, budget_id: UUID, *, actor: str) -> bool:
        if self._budgets.pop(budget_id, None) is None:
            return False
        self._ledger.actions.append((actor, "delete_budget"))
        return True


def _key(limit: BudgetLimit) -> tuple[str, str, str, str]:
    return limit.scope.value, limit.subject, limit.period.value, limit.unit.value
