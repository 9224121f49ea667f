"""Credits, budgets, prices and receipts in the gateway; the generation service owns the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  the generic reader of messages needs the name at run time
from typing import TYPE_CHECKING

from pixel_errors import Exhausted, Forbidden, NotFound

if TYPE_CHECKING:
    from pixel_gateway.domain.generation import Adjustment, Route, Spec

BULK_CALLS_A_DAY = 100


class BulkLimitReached(Exhausted):
    """A user may make 100 bulk calls per UTC day."""

    reason = "BULK_LIMIT"


class BudgetNotFound(NotFound):
    """There is no such budget."""

    reason = "BUDGET_NOT_FOUND"


class KeyHasBudget(Forbidden):
    """A key with a budget cannot create keys or change budgets of keys; use another key."""

    reason = "KEY_HAS_BUDGET"


@dataclass(frozen=True)
class Transaction:
    """One transfer in a statement."""

    id: str
    kind: str
    available_credits: int
    held_credits: int
    generation_id: str
    round: int
    reason: str
    create_time: datetime


@dataclass(frozen=True)
class TransactionQuery:
    """Filter of transfers; empty values mean all."""

    user_id: str
    limit: int
    cursor: str = ""
    kind: str = ""
    generation_id: str = ""


@dataclass(frozen=True)
class UsageQuery:
    """The period and the grouping of usage."""

    user_id: str
    group_by: tuple[str, ...]
    from_time: datetime | None = None
    to_time: datetime | None = None


@dataclass(frozen=True)
class UsageRow:
    """Sums of one group; its values are in the requested order."""

    group: tuple[str, ...]
    generations: int
    images: int
    credits: int


@dataclass(frozen=True)
class Usage:
    """Sums by group, largest first, and over all groups."""

    rows: tuple[UsageRow, ...]
    total_credits: int


@dataclass(frozen=True)
class Budget:
    """A limit on held and spent amounts in a period."""

    id: str
    scope: str
    subject: str
    period: str
    unit: str
    limit_amount: int
    used_amount: int = 0
    period_start_time: datetime | None = None


@dataclass(frozen=True)
class Promotion:
    """A promotion code; without a maximum of uses or an end it has no limit."""

    code: str
    credits: int
    max_uses: int = 0
    end_time: datetime | None = None
    used: int = 0
    create_time: datetime | None = None
    """None before it is stored."""


@dataclass(frozen=True)
class Redeemed:
    """The result of a redemption."""

    credits: int
    available_credits: int
    redeemed: bool


@dataclass(frozen=True)
class AdjustCredits:
    """Add credits to an account, or deduct them when negative."""

    user_id: str
    credits: int
    adjustment_id: str
    reason: str
    actor: str


@dataclass(frozen=True)
class Adjusted:
    """The result of an adjustment."""

    available_credits: int
    adjusted: bool


@dataclass(frozen=True)
class Refunded:
    """The result of a refund."""

    refunded_credits: int
    refunded: bool


@dataclass(frozen=True)
class ReconcileCheck:
    """One rule of the ledger and its number of violations."""

    name: str
    violations: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttemptReceipt:
    """One run of a generation; an unknown cost is None."""

    attempt: int
    round: int
    provider: str
    model: str
    state: str
    outcome: str
    provider_request_id: str
    failure_code: str
    cost_usd_micros: int | None = None
    claim_time: datetime | None = None
    submit_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(frozen=True)
class RoundReceipt:
    """Amounts of one round; held = captured + released once it is settled."""

    round: int
    held_credits: int
    captured_credits: int
    released_credits: int
    refunded_credits: int
    settled: bool


@dataclass(frozen=True)
class Receipt:
    """The receipt of a generation."""

    generation_id: str
    status: str
    quoted_credits: int
    price_id: str
    credits_per_image: int
    requested_images: int
    delivered_images: int
    charged_credits: int
    rounds: tuple[RoundReceipt, ...] = ()
    attempts: tuple[AttemptReceipt, ...] = ()
    provider_cost_usd_micros: int | None = None


@dataclass(frozen=True)
class Quote:
    """The price and the model of a request."""

    cost_credits: int
    price_id: str
    credits_per_image: int
    spec: Spec
    adjustments: tuple[Adjustment, ...]
    route: Route
    eta_s: tuple[float, float] | None
    run_seconds: float
    available_credits: int
    would_be_refused: str
