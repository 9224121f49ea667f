"""Credits, budgets, quotes, receipts, promotion codes.

A plain read is the bound method of a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixel_gateway.application.generations.ports import Submission
    from pixel_gateway.domain.account import Balance
    from pixel_gateway.domain.billing import (
        AdjustCredits,
        Adjusted,
        Budget,
        Promotion,
        Quote,
        Receipt,
        ReconcileCheck,
        Redeemed,
        Refunded,
        Transaction,
        TransactionQuery,
        Usage,
        UsageQuery,
    )


@dataclass(frozen=True, kw_only=True)
class BillingUseCases:
    """Credits, budgets, quotes, receipts, promotion codes."""

    get_balance: Callable[[str], Awaitable[Balance]]
    quote: Callable[[Submission], Awaitable[Quote]]
    view_receipt: Callable[[str, str], Awaitable[Receipt]]
    list_transactions: Callable[[TransactionQuery], Awaitable[tuple[list[Transaction], str]]]
    view_usage: Callable[[UsageQuery], Awaitable[Usage]]
    redeem_promotion: Callable[[str, str], Awaitable[Redeemed]]
    list_promotions: Callable[..., Awaitable[tuple[list[Promotion], str]]]
    create_promotion: Callable[[Promotion, str], Awaitable[Promotion]]
    end_promotion: Callable[[str, str], Awaitable[Promotion]]
    refuse_limited_key: Callable[[str], Awaitable[None]]
    list_key_budgets: Callable[[str, str], Awaitable[list[Budget]]]
    put_key_budget: Callable[[str, str, str, int], Awaitable[Budget]]
    delete_key_budget: Callable[[str, str, str], Awaitable[list[Budget]]]
    list_budgets: Callable[[str, str], Awaitable[list[Budget]]]
    put_budget: Callable[[Budget, str], Awaitable[Budget]]
    delete_budget: Callable[[str, str], Awaitable[None]]
    new_adjustment_id: Callable[[], str]
    adjust_credits: Callable[[AdjustCredits], Awaitable[Adjusted]]
    refund: Callable[..., Awaitable[Refunded]]
    reconcile: Callable[[], Awaitable[list[ReconcileCheck]]]
