"""Metrics of the budgets of providers and of the platform."""

from __future__ import annotations

import pytest
from pixel_generation.adapters.metrics import BudgetMetrics
from pixel_generation.application.maintenance.watch_budgets import watch_budgets
from pixel_generation.application.submission.ports import Verdict
from pixel_generation.domain.billing.budgets import Scope
from prometheus_client import REGISTRY

from tests.integration.generation.submitter import open_submitter
from tests.parts import MakeDatabase


def shown(name: str, scope: Scope, subject: str) -> float | None:
    labels = {"scope": scope.value, "subject": subject, "period": "total", "unit": "credits"}
    return REGISTRY.get_sample_value(f"pixel_budget_{name}", labels)


async def test_a_budget_is_shown_with_its_use_until_it_is_removed(make_database: MakeDatabase) -> None:
    async with open_submitter(make_database) as submitter:
        user = await submitter.user()
        sketch = await submitter.budget(Scope.PROVIDER, "sketch", 10)
        await submitter.budget(Scope.PLATFORM, "", 4)
        await submitter.budget(Scope.USER, user.hex, 5)
        assert (await submitter.submit_one(submitter.new(user, images=3))).verdict is Verdict.ACCEPTED

        await watch_budgets(budgets=submitter.budgets, observer=BudgetMetrics())

        assert [shown("used", Scope.PROVIDER, "sketch"), shown("limit", Scope.PROVIDER, "sketch")] == [3, 10]
        assert [shown("used", Scope.PLATFORM, ""), shown("limit", Scope.PLATFORM, "")] == [3, 4]
        assert shown("used", Scope.USER, user.hex) is None
        assert await submitter.budgets.delete(sketch.id, actor="test")
        await watch_budgets(budgets=submitter.budgets, observer=BudgetMetrics())
        assert shown("used", Scope.PROVIDER, "sketch") is None
        assert shown("used", Scope.PLATFORM, "") == pytest.approx(3)
