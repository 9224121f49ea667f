"""Accounts: who owns work and credits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

if TYPE_CHECKING:
    from datetime import datetime

_USERNAME = re.compile(r"[a-z0-9_-]{3,32}")
_MAX_FIRST_CREDITS = 1_000_000_000


@dataclass(frozen=True)
class Account:
    """A person or program."""

    id: str
    username: str
    create_time: datetime


@dataclass(frozen=True)
class Balance:
    """Credits of a user."""

    available_credits: int
    held_credits: int


class InvalidUsername(Invalid):
    """A username is 3 to 32 lower-case letters, digits, `-` and `_`."""

    reason = "INVALID_USERNAME"


class InvalidFirstCredits(Invalid):
    """First credits are 0 to 1,000,000,000."""

    reason = "INVALID_FIRST_CREDITS"


def check_username(username: str) -> None:
    """Raise InvalidUsername unless the name may be taken."""
    if not _USERNAME.fullmatch(username):
        raise InvalidUsername(violations=(Violation("username", "3 to 32 lower-case letters, digits, - and _"),))


def check_first_credits(first_credits: int) -> None:
    """Raise InvalidFirstCredits unless the amount can be granted."""
    if not 0 <= first_credits <= _MAX_FIRST_CREDITS:
        raise InvalidFirstCredits(violations=(Violation("first_credits", "0 to 1,000,000,000"),))
