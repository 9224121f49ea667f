"""Wiring of the billing use cases."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pixel_generation.application import Billing
from pixel_generation.application.billing.correct_credits import adjust_credits, refund_generation
from pixel_generation.application.billing.grant_credits import grant_credits
from pixel_generation.application.billing.limit_spending import (
    delete_budget,
    list_budgets,
    set_budget,
    update_account,
)
from pixel_generation.application.billing.promotion_codes import (
    create_promotion,
    end_promotion,
    list_promotions,
    redeem_promotion,
)
from pixel_generation.application.billing.read_statement import list_transactions, sum_usage
from pixel_generation.application.maintenance.reconcile_ledger import reconcile_ledger

if TYPE_CHECKING:
    from pixel_generation.wiring.adapters import Adapters


def bind_billing(adapters: Adapters) -> Billing:
    return Billing(
        get_account=adapters.accounts.find,
        update_account=partial(update_account, accounts=adapters.accounts),
        grant=partial(grant_credits, ledger=adapters.ledger),
        adjust=partial(adjust_credits, corrections=adapters.ledger),
        refund=partial(refund_generation, corrections=adapters.ledger),
        create_promotion=partial(create_promotion, promotions=adapters.promotions),
        list_promotions=partial(list_promotions, promotions=adapters.promotions),
        end_promotion=partial(end_promotion, promotions=adapters.promotions),
        redeem_promotion=partial(redeem_promotion, promotions=adapters.promotions),
        set_budget=partial(set_budget, budgets=adapters.budgets),
        delete_budget=partial(delete_budget, budgets=adapters.budgets),
        list_budgets=partial(list_budgets, budgets=adapters.budgets),
        list_transactions=partial(list_transactions, statements=adapters.statements),
        sum_usage=partial(sum_usage, statements=adapters.statements, clock=adapters.clock),
        reconcile=partial(reconcile_ledger, rules=adapters.ledger_rules, observer=adapters.ledger_metrics),
    )
