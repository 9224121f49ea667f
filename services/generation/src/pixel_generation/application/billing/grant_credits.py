"""Grants credits to a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.application.billing.ports import Ledger

MAX_GRANT = 1_000_000_000
MAX_WORD_CHARS = 200


@dataclass(frozen=True, slots=True)
class GrantCredits:
    """Credits to grant, with an id that makes it idempotent."""

    user_id: UUID
    credit_count: int
    grant_id: str
    reason: str


async def grant_credits(command: GrantCredits, *, ledger: Ledger) -> tuple[bool, int]:
    """Return whether the grant was booked now, and the credits available after it."""
    violations = []
    if not 1 <= command.credit_count <= MAX_GRANT:
        violations.append(Violation("credits", f"A grant is 1 to {MAX_GRANT} credits."))
    if not command.grant_id or len(command.grant_id) > MAX_WORD_CHARS or "\0" in command.grant_id:
        violations.append(Violation("grantId", f"A grant id has 1 to {MAX_WORD_CHARS} characters."))
    if len(command.reason) > MAX_WORD_CHARS or "\0" in command.reason:
        violations.append(Violation("reason", f"A reason has at most {MAX_WORD_CHARS} characters."))
    if violations:
        raise Invalid(violations[0].message, violations=tuple(violations))
    return await ledger.grant(command.user_id, command.credit_count, grant_id=command.grant_id, reason=command.reason)
