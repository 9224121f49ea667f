"""Ports of every capability, and the error of a cursor that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pixel_errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime


class InvalidPageToken(Invalid):
    """The cursor is not one that this list gave out."""

    reason = "INVALID_PAGE_TOKEN"


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""


class Ids(Protocol):
    """New ids and secrets."""

    def new(self, prefix: str) -> str:
        """Return a fresh id with the prefix."""

    def random_text(self) -> str:
        """Return 43 URL-safe characters that carry 256 random bits."""
