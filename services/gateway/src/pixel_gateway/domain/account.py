"""Accounts, the owners of work and credits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  the generic reader of messages needs the name at run time

from pixel_errors import Invalid, Violation

from pixel_gateway.domain.access import Role

_USERNAME = re.compile(r"[a-z0-9_-]{3,32}")
_MAX_FIRST_CREDITS = 1_000_000_000


@dataclass(frozen=True)
class Account:
    """A person or program."""

    id: str
    username: str
    create_time: datetime
    role: Role = Role.MEMBER


@dataclass(frozen=True)
class Balance:
    """Credits and limits of a user; a daily limit of None is no limit."""

    available_credits: int
    held_credits: int
    plan: str = "free"
    daily_limit_credits: int | None = None
    spent_today_credits: int = 0
    reset_time: datetime | None = None
    open_jobs: int = 0
    max_open_jobs: int = 0


@dataclass(frozen=True)
class AccountChange:
    """Changes of a user's account; None keeps a value, -1 means the plan's limit."""

    user_id: str
    actor: str
    plan: str = ""
    daily_limit_credits: int | None = None
    max_running: int | None = None


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
