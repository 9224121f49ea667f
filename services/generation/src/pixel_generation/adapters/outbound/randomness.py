"""Ids and random numbers from the operating system."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pixel_runtime.ids import new_id

if TYPE_CHECKING:
    from uuid import UUID

SEED_BITS = 31
FRACTION_BITS = 53


class SystemRandomness:
    """Draws from the system's generator."""

    def new_id(self) -> UUID:
        return new_id()

    def seed(self) -> int:
        return secrets.randbits(SEED_BITS)

    def fraction(self) -> float:
        return secrets.randbits(FRACTION_BITS) / (1 << FRACTION_BITS)
