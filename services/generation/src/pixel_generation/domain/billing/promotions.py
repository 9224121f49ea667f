"""Codes that give credits to each user once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

CODE = re.compile(r"[A-Z0-9-]{3,40}")


@dataclass(frozen=True, slots=True)
class Promotion:
    """A code, what it gives and how often it was redeemed."""

    code: str
    credits: int
    max_uses: int | None
    """Users that may redeem it; None means no limit."""
    used: int
    ends_at: datetime | None
    """Redeemable before; None means always."""
    created_at: datetime
