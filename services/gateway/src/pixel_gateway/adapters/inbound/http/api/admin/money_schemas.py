"""Bodies of accounts, budgets and billing for admins."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from pixel_limits import generation as limits

from pixel_gateway.adapters.inbound.http.api.accounts.schemas import (  # noqa: TC001  msgspec reads the annotations
    CreditLimit,
    PeriodWord,
)
from pixel_gateway.adapters.inbound.http.api.billing.schemas import (  # noqa: TC001  msgspec reads the annotations
    CreditsView,
)

Reason = Annotated[
    str,
    Meta(
        min_length=1, max_length=limits.ADJUST_CREDITS_REQUEST_REASON_MAX_LEN, description="Reason, for the statement."
    ),
]
Adjustment = Annotated[
    int, Meta(ge=-limits.ADJUST_CREDITS_REQUEST_CREDITS_LTE, le=limits.ADJUST_CREDITS_REQUEST_CREDITS_LTE)
]
Code = Annotated[
    str,
    Meta(
        min_length=limits.CREATE_PROMOTION_REQUEST_CODE_MIN_LEN,
        max_length=limits.CREATE_PROMOTION_REQUEST_CODE_MAX_LEN,
        pattern=r"^[A-Z0-9-]+$(?!\n)",
    ),
]
Uses = Annotated[int, Meta(ge=1, le=limits.CREATE_PROMOTION_REQUEST_MAX_USES_LTE)]
ScopeWord = Literal["key", "user", "provider", "platform"]
UnitWord = Literal["credits", "usd_micros"]


class PutBudget(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A limit on held and spent amounts in a period."""

    scope: ScopeWord
    period: PeriodWord
    limit: Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]
    unit: UnitWord = "credits"
    subject: Annotated[str, Meta(max_length=64, description="`key_` or `usr_` id, or the provider's name.")] = ""


class AdjustCreditsBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Add credits, or deduct them when negative; made once per `adjustmentId`."""

    credits: Adjustment
    reason: Reason
    adjustment_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$(?!\n)")] | None = None


class AdjustedView(msgspec.Struct, rename="camel"):
    """Credits after an adjustment; `adjusted` is false when it was made before."""

    adjustment_id: str
    available_credits: int = field(name="available")
    adjusted: bool


class RefundBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Refund captured credits; all of the last round when no number is given."""

    reason: Reason
    credits: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class RefundedView(msgspec.Struct, rename="camel"):
    """Credits refunded by this or the earlier call."""

    refunded_credits: int
    refunded: bool


class CreatePromotionBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Create a promotion code."""

    code: Code
    credits: Annotated[int, Meta(ge=1, le=1_000_000)]
    max_uses: Uses | None = None
    ends_at: Annotated[datetime, Meta(tz=True)] | None = None


class PromotionView(msgspec.Struct, rename="camel"):
    """A promotion code and its number of redemptions; null means no limit."""

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
    """Change an account; omitted fields keep their value, null means the plan's limit."""

    plan: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    daily_limit: CreditLimit | UnsetType | None = UNSET
    max_running: Annotated[int, Meta(ge=1, le=10000)] | UnsetType | None = UNSET
    role: Literal["member", "moderator", "admin"] | UnsetType = UNSET


class UserView(msgspec.Struct, rename="camel"):
    """An account for admins."""

    id: str
    username: str
    role: str
    created_at: datetime
    credits: CreditsView


class CheckView(msgspec.Struct, rename="camel"):
    """One rule of the ledger, its number of violations, and some of them."""

    name: str
    violations: int
    examples: list[str]


class ReconcileView(msgspec.Struct, rename="camel"):
    """The result of checking the ledger; `balanced` without violations."""

    balanced: bool
    checks: list[CheckView]
