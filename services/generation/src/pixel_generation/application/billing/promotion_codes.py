"""Promotion codes, which grant credits to each user once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import CREATE_PROMOTION_REQUEST_MAX_USES_LTE as MOST_USES

from pixel_generation.domain.billing.promotions import CODE
from pixel_generation.domain.errors import PromotionEnded, PromotionExists, PromotionNotFound

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.application.billing.ports import Promotions, Redeemed
    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.promotions import Promotion

MOST_CREDITS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CreatePromotion:
    """A new code."""

    code: str
    credit_count: int
    max_uses: int
    """Maximum number of redemptions; 0 means no limit."""
    ends_at: datetime | None
    actor: str


@dataclass(frozen=True, slots=True)
class RedeemPromotion:
    """A code entered by a user."""

    user_id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class EndPromotion:
    """A code to end."""

    code: str
    actor: str


@dataclass(frozen=True, slots=True)
class ListPromotions:
    """Up to `limit` codes in order, after the code `after`."""

    after: str
    limit: int


async def create_promotion(command: CreatePromotion, *, promotions: Promotions) -> Promotion:
    """Add a code and return it; raise Invalid or PromotionExists."""
    violations = []
    if not CODE.fullmatch(command.code):
        violations.append(Violation("code", "A code has 3 to 40 characters of A-Z, 0-9 and hyphen."))
    if not 1 <= command.credit_count <= MOST_CREDITS:
        violations.append(Violation("credits", f"A promotion gives 1 to {MOST_CREDITS} credits."))
    if not 0 <= command.max_uses <= MOST_USES:
        violations.append(Violation("maxUses", f"A promotion has 1 to {MOST_USES} uses, or 0 for no limit."))
    if violations:
        raise Invalid(violations[0].message, violations=tuple(violations))
    created = await promotions.create(
        command.code,
        command.credit_count,
        max_uses=command.max_uses or None,
        ends_at=command.ends_at,
        actor=command.actor,
    )
    if created is None:
        raise PromotionExists(metadata={"code": command.code})
    return created


async def redeem_promotion(command: RedeemPromotion, *, promotions: Promotions) -> Redeemed:
    """Grant the credits once; codes are case-insensitive. Raise PromotionNotFound or PromotionEnded."""
    word = _stored_form(command.code)
    outcome = await promotions.redeem(command.user_id, word)
    if outcome is None:
        raise PromotionNotFound
    if not (outcome.redeemed or outcome.was_redeemed):
        raise PromotionEnded(metadata={"code": word})
    return outcome


async def end_promotion(command: EndPromotion, *, promotions: Promotions) -> Promotion:
    """End a code now; idempotent; codes are case-insensitive. Raise PromotionNotFound."""
    ended = await promotions.end(_stored_form(command.code), actor=command.actor)
    if ended is None:
        raise PromotionNotFound
    return ended


async def list_promotions(query: ListPromotions, *, promotions: Promotions) -> Page[Promotion, str]:
    """Return a page of codes."""
    return await promotions.page(after=query.after, limit=query.limit)


def _stored_form(code: str) -> str:
    """Return the normalized code; raise PromotionNotFound when it is malformed."""
    word = code.strip().upper()
    if not (code.isascii() and CODE.fullmatch(word)):
        raise PromotionNotFound
    return word
