"""Bodies of the doors of credits, budgets, quotes and receipts."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

Credits = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Reason = Annotated[str, Meta(min_length=1, max_length=200, description="Why, for the statement.")]
PeriodWord = Literal["day", "month", "total"]
ScopeWord = Literal["key", "user", "provider", "platform"]
UnitWord = Literal["credits", "usd_micros"]


class CreditsView(msgspec.Struct, rename="camel"):
    """Credits, plan and limits of the caller; a limit that is null is none."""

    plan: str
    available_credits: int = field(name="available")
    held_credits: int = field(name="held")
    daily_limit_credits: int | None = field(name="dailyLimit")
    spent_today_credits: int = field(name="spentToday")
    reset_time: datetime | None = field(name="resetsAt")
    open_jobs: int = field(name="openGenerations")
    max_open_jobs: int = field(name="maxOpenGenerations")


class TransactionView(msgspec.Struct, rename="camel"):
    """One transfer: what it changed of the credits that can be spent and of those that are held."""

    id: str
    kind: str
    available_credits: int = field(name="available")
    held_credits: int = field(name="held")
    generation_id: str | None
    round: int
    reason: str
    create_time: datetime = field(name="createdAt")


class TransactionPage(msgspec.Struct, rename="camel"):
    """Transfers, newest first."""

    items: list[TransactionView]
    next_cursor: str | None


class RedeemPromotion(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Redeem a promotion code."""

    code: Annotated[str, Meta(min_length=3, max_length=40, pattern=r"^[A-Za-z0-9-]+$(?!\n)")]


class RedeemedView(msgspec.Struct, rename="camel"):
    """Credits of the promotion; `redeemed` is false when it had been redeemed before."""

    credits: int
    available_credits: int = field(name="available")
    redeemed: bool


class UsageRowView(msgspec.Struct, rename="camel"):
    """Sums of one group, by the names of `groupBy`."""

    group: dict[str, str]
    generations: int
    images: int
    credits: int


class UsageView(msgspec.Struct, rename="camel"):
    """Sums by group, largest first; `credits` is captured minus refunded."""

    items: list[UsageRowView]
    total_credits: int


class AdjustmentView(msgspec.Struct, rename="camel"):
    """A value that was changed because the caller allowed it."""

    field: str
    requested: str
    used: str


class CandidateView(msgspec.Struct, rename="camel"):
    """A model that was considered; `excludedBecause` is null for one that could run it."""

    model: str
    cost_credits: int | None
    excluded_because: str | None
    health: str


class RouteView(msgspec.Struct, rename="camel"):
    """Which model runs a request, and why."""

    model: str | None
    fallback_models: list[str]
    candidates: list[CandidateView]
    rule: str


class QuoteEta(msgspec.Struct, rename="camel"):
    """Interval in which it would start, in seconds from now."""

    min_seconds: float
    max_seconds: float


class QuoteView(msgspec.Struct, rename="camel"):
    """What a submission of the same body would hold; `wouldBeRefused` is the code it would be refused with."""

    cost_credits: int
    price_id: str
    credits_per_image: int
    model: str
    number_of_images: int
    size: str | None
    quality: str | None
    adjustments: list[AdjustmentView]
    route: RouteView
    eta: QuoteEta | None
    run_seconds: float
    available_credits: int
    would_be_refused: str | None


class AttemptView(msgspec.Struct, rename="camel"):
    """One run; a cost that is not known is null."""

    attempt: int
    round: int
    provider: str
    model: str
    state: str
    outcome: str | None
    provider_request_id: str | None
    cost_usd_micros: int | None
    failure_code: str | None
    claim_time: datetime | None = field(name="claimedAt")
    submit_time: datetime | None = field(name="submittedAt")
    end_time: datetime | None = field(name="endedAt")


class RoundView(msgspec.Struct, rename="camel"):
    """Money of one round; held is captured and released once it is settled."""

    round: int
    held_credits: int
    captured_credits: int
    released_credits: int
    refunded_credits: int
    settled: bool


class ReceiptView(msgspec.Struct, rename="camel"):
    """What a generation cost and why; `chargedCredits` is captured minus refunded over all rounds."""

    generation_id: str
    status: str
    quoted_credits: int
    price_id: str
    credits_per_image: int
    requested_images: int
    delivered_images: int
    charged_credits: int
    provider_cost_usd_micros: int | None
    rounds: list[RoundView]
    attempts: list[AttemptView]


class PutKeyBudget(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Limit what a key may hold and spend in a period."""

    period: PeriodWord
    limit_credits: Credits


class PutBudget(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Limit what may be held and spent in a period."""

    scope: ScopeWord
    period: PeriodWord
    limit: Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]
    unit: UnitWord = "credits"
    subject: Annotated[str, Meta(max_length=64, description="`key_` or `usr_` id, or the provider's name.")] = ""


class BudgetView(msgspec.Struct, rename="camel"):
    """A limit on what may be held and spent, and what is used of it in this period."""

    id: str
    scope: str
    subject: str | None
    period: str
    unit: str
    limit_amount: int = field(name="limit")
    used_amount: int = field(name="used")
    period_start_time: datetime | None = field(name="periodStartedAt")


class BudgetList(msgspec.Struct, rename="camel"):
    """Budgets by scope and subject."""

    items: list[BudgetView]


class AdjustCreditsBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Add credits, or take them when negative; the same `adjustmentId` does it once."""

    credits: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
    reason: Reason
    adjustment_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$(?!\n)")] | None = None


class AdjustedView(msgspec.Struct, rename="camel"):
    """Credits after an adjustment; `adjusted` is false when it had been made before."""

    adjustment_id: str
    available_credits: int = field(name="available")
    adjusted: bool


class RefundBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Give captured credits back; all of the last round when no number is given."""

    reason: Reason
    credits: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class RefundedView(msgspec.Struct, rename="camel"):
    """Credits given back by this or the earlier call."""

    refunded_credits: int
    refunded: bool


class CreatePromotionBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Make a promotion code."""

    code: Annotated[str, Meta(min_length=3, max_length=40, pattern=r"^[A-Z0-9-]+$(?!\n)")]
    credits: Annotated[int, Meta(ge=1, le=1_000_000)]
    max_uses: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    ends_at: Annotated[datetime, Meta(tz=True)] | None = None


class PromotionView(msgspec.Struct, rename="camel"):
    """A promotion code and how many users have redeemed it; null means no limit."""

    code: str
    credits: int
    max_uses: int | None
    used: int
    end_time: datetime | None = field(name="endsAt")
    create_time: datetime = field(name="createdAt")


class PromotionPage(msgspec.Struct, rename="camel"):
    """Promotion codes, by code."""

    items: list[PromotionView]
    next_cursor: str | None


class UpdateUserBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Change an account; what is left out stays, null means as the plan says."""

    plan: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    daily_limit: Credits | UnsetType | None = UNSET
    max_running: Annotated[int, Meta(ge=1, le=10000)] | UnsetType | None = UNSET
    role: Literal["member", "moderator", "admin"] | UnsetType = UNSET


class UserView(msgspec.Struct, rename="camel"):
    """An account as admins see it."""

    id: str
    username: str
    role: str
    created_at: datetime
    credits: CreditsView


class CheckView(msgspec.Struct, rename="camel"):
    """One rule of the ledger, how many rows break it, and some of them."""

    name: str
    violations: int
    examples: list[str]


class ReconcileView(msgspec.Struct, rename="camel"):
    """The proof of the ledger; `balanced` when no row breaks a rule."""

    balanced: bool
    checks: list[CheckView]
