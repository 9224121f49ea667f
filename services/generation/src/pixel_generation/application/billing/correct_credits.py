"""Corrects the ledger by new transfers that record who made them and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import ADJUST_CREDITS_REQUEST_CREDITS_LTE as MOST_CREDITS
from pixel_limits.generation import ADJUST_CREDITS_REQUEST_REASON_MAX_LEN as MAX_WORD_CHARS

from pixel_generation.domain.errors import BalanceTooLow, GenerationNotFound, IdempotencyKeyReused, NothingCaptured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from pixel_generation.application.billing.ports import Adjusted, Corrections

ADJUSTMENT_ID = re.compile("[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class AdjustCredits:
    """Credits to add, or to deduct when negative, with an id that makes it idempotent."""

    user_id: UUID
    credits_added: int
    adjustment_id: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class RefundGeneration:
    """Captured credits to refund; 0 means all of them."""

    job_id: UUID
    credits_back: int
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """The refund of this call or, when it is not new, of the earlier one."""

    credits_back: int
    is_new: bool


async def adjust_credits(command: AdjustCredits, *, corrections: Corrections) -> Adjusted:
    """Add or deduct credits once; raise Invalid, IdempotencyKeyReused, or BalanceTooLow below zero."""
    violations = [*word_violations(reason=command.reason, actor=command.actor)]
    if not ADJUSTMENT_ID.fullmatch(command.adjustment_id):
        violations.append(Violation("adjustmentId", "An adjustment id has 1 to 255 visible ASCII characters."))
    if command.credits_added == 0 or abs(command.credits_added) > MOST_CREDITS:
        violations.append(Violation("credits", f"An adjustment is 1 to {MOST_CREDITS} credits, added or taken."))
    if violations:
        raise Invalid(violations[0].message, violations=tuple(violations))
    outcome = await corrections.adjust(
        command.user_id,
        command.credits_added,
        adjustment_id=command.adjustment_id,
        reason=command.reason,
        actor=command.actor,
    )
    if outcome.was_other:
        raise IdempotencyKeyReused(
            "An adjustment of this id was made with another amount or reason.", metadata={"key": command.adjustment_id}
        )
    if not (outcome.made or outcome.was_made):
        raise BalanceTooLow(
            f"This takes {-command.credits_added} credits and {outcome.available} are available.",
            metadata={"available": str(outcome.available)},
        )
    return outcome


async def refund_generation(command: RefundGeneration, *, corrections: Corrections) -> Refunded:
    """Refund the capture of the newest charged round, once; raise Invalid, GenerationNotFound or NothingCaptured."""
    violations = [*word_violations(reason=command.reason, actor=command.actor)]
    if command.credits_back < 0:
        violations.append(Violation("credits", "A refund is not negative."))
    if violations:
        raise Invalid(violations[0].message, violations=tuple(violations))
    capture = await corrections.find_capture(command.job_id)
    if capture is None:
        raise GenerationNotFound
    if capture.captured == 0:
        raise NothingCaptured
    if capture.refunded:
        return Refunded(capture.refunded, is_new=False)
    wanted = command.credits_back or capture.captured
    if wanted > capture.captured:
        message = f"The generation captured {capture.captured} credits; no more can be refunded."
        raise Invalid(message, violations=(Violation("credits", message),))
    if await corrections.refund(command.job_id, capture, wanted, reason=command.reason, actor=command.actor):
        return Refunded(wanted, is_new=True)
    before = await corrections.find_capture(command.job_id)
    return Refunded(before.refunded if before else 0, is_new=False)


def word_violations(**words: str) -> Iterator[Violation]:
    """Validate texts that are stored with a correction, by field name."""
    for name, word in words.items():
        if not word.strip() or len(word) > MAX_WORD_CHARS or "\0" in word:
            yield Violation(name, f"{name} has 1 to {MAX_WORD_CHARS} characters.")
