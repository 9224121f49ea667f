"""What clients that expect one response get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_gateway.domain.generation import Generation
    from pixel_gateway.domain.image import Addresses


@dataclass(frozen=True)
class MadeImages:
    """An ended generation and the URLs of its pictures."""

    generation: Generation
    addresses: Mapping[str, Addresses]
