"""Bodies of credits, usage, quotes and receipts."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated

import msgspec
from msgspec import Meta, field
from pixel_limits import generation as limits

from pixel_gateway.adapters.inbound.http.api.generations.schemas import (  # noqa: TC001  msgspec reads the annotations
    AdjustmentView,
    RouteView,
)

Code = Annotated[
    str,
    Meta(
        min_length=limits.CREATE_PROMOTION_REQUEST_CODE_MIN_LEN,
        max_length=limits.CREATE_PROMOTION_REQUEST_CODE_MAX_LEN,
        pattern=r"^[A-Za-z0-9-]+$(?!\n)",
    ),
]


class CreditsView(msgspec.Struct, rename="camel"):
    """Credits, plan and limits of the caller; null means no limit."""

    plan: str
    available_credits: int = field(name="available")
    held_credits: int = field(name="held")
    daily_limit_credits: int | None = field(name="dailyLimit")
    spent_today_credits: int = field(name="spentToday")
    reset_time: datetime | None = field(name="resetsAt")
    open_jobs: int = field(name="openGenerations")
    max_open_jobs: int = field(name="maxOpenGenerations")


class TransactionView(msgspec.Struct, rename="camel"):
    """One transfer: its change of the available and of the held credits."""

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

    code: Code


class RedeemedView(msgspec.Struct, rename="camel"):
    """Credits of the promotion; `redeemed` is false when it was redeemed before."""

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


class QuoteEta(msgspec.Struct, rename="camel"):
    """Interval of the expected start, in seconds from now."""

    min_seconds: float
    max_seconds: float


class QuoteView(msgspec.Struct, rename="camel"):
    """The hold of a submission of the same body; `wouldBeRefused` is the code it would be refused with."""

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
    """One run; an unknown cost is null."""

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
    """Amounts of one round; held = captured + released once it is settled."""

    round: int
    held_credits: int
    captured_credits: int
    released_credits: int
    refunded_credits: int
    settled: bool


class ReceiptView(msgspec.Struct, rename="camel"):
    """The receipt of a generation; `chargedCredits` is captured minus refunded over all rounds."""

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
