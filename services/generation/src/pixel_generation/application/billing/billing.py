"""The use cases of money, bound to their ports in main.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.billing.ports import Accounts, Budgets, Corrections, Ledger, Promotions


@dataclass(frozen=True)
class Billing:
    """What the use cases of money work with."""

    ledger: Ledger
    corrections: Corrections
    promotions: Promotions
    accounts: Accounts
    budgets: Budgets
