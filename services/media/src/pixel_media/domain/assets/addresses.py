"""Signing time and validity of URLs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_SIGNED_EVERY_S = 3600
ADDRESS_LIFE_S = 2 * _SIGNED_EVERY_S


def signing_time(now: datetime) -> datetime:
    """Return the signing time of URLs issued now: the start of the hour.

    The URL of an object stays the same for an hour, so that clients cache it, and is valid for one to two hours.
    """
    return now - timedelta(seconds=now.timestamp() % _SIGNED_EVERY_S)
