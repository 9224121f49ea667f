"""Promotion codes, which grant credits to each user once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_limits.generation import CREATE_PROMOTION_REQUEST_CODE_MAX_LEN, CREATE_PROMOTION_REQUEST_CODE_MIN_LEN

if TYPE_CHECKING:
    from datetime import datetime

CODE = re.compile(rf"[A-Z0-9-]{{{CREATE_PROMOTION_REQUEST_CODE_MIN_LEN},{CREATE_PROMOTION_REQUEST_CODE_MAX_LEN}}}")


@dataclass(frozen=True, slots=True)
class Promotion:
    """A code, its credits and its number of redemptions."""

    code: str
    credits: int
    max_uses: int | None
    """Maximum number of redemptions; None means no limit."""
    used: int
    ends_at: datetime | None
    """End of validity; None means none."""
    created_at: datetime
