"""Ports of several capabilities, and the error of an invalid cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pixel_errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime


class InvalidPageToken(Invalid):
    """The cursor is not valid for this list."""

    reason = "INVALID_PAGE_TOKEN"


class Clock(Protocol):
    """Returns the current time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""


class Ids(Protocol):
    """New ids and secrets."""

    def new(self, prefix: str) -> str:
        """Return a new id with the prefix."""

    def random_text(self) -> str:
        """Return 43 URL-safe characters with 256 random bits."""
