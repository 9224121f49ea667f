"""Tickets: used in the URL of a stream instead of an API key, because URLs are logged."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Unauthenticated

if TYPE_CHECKING:
    from datetime import datetime

TICKET_S = 60
"""Seconds a ticket can be used after it was made."""

_SECRET = re.compile(r"tkt_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Ticket:
    """Permission to open one stream, once."""

    user_id: str
    generation_id: str
    """The only generation it opens; empty means any stream of the user."""
    expire_time: datetime


class TicketRefused(Unauthenticated):
    """The ticket is unknown, used, expired, or made for another stream; ask for a new one."""

    reason = "TICKET_REFUSED"


def secret_from(random_text: str) -> str:
    """Return the secret made of 43 characters of URL-safe random text (256 bits)."""
    return f"tkt_{random_text}"


def is_secret(text: str) -> bool:
    """Return whether the text has the form of a ticket, without a lookup."""
    return _SECRET.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """Return the stored digest of a ticket."""
    return hashlib.sha256(secret.encode()).digest()
