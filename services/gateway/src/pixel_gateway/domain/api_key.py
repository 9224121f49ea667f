"""API keys: the form of a secret, its stored digest, its owner."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Conflict, Invalid, NotFound, Unauthenticated, Violation

from pixel_gateway.domain.access import Role

if TYPE_CHECKING:
    from datetime import datetime

MAX_KEYS = 100
"""Maximum active keys of an account."""

_SECRET = re.compile(r"pxl_[A-Za-z0-9_-]{43}")
_SHOWN_CHARS = 12
_MAX_NAME_CHARS = 100


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret."""

    id: str
    user_id: str
    name: str
    prefix: str
    create_time: datetime
    revoke_time: datetime | None = None
    last_use_time: datetime | None = None


@dataclass(frozen=True)
class Principal:
    """The principal of a valid secret."""

    user_id: str
    key_id: str
    role: Role = Role.MEMBER


class InvalidKeyName(Invalid):
    """The name of a key is 1 to 100 printable characters."""

    reason = "INVALID_KEY_NAME"


class KeyNotFound(NotFound):
    """The key does not exist, or it is not yours."""

    reason = "KEY_NOT_FOUND"


class TooManyKeys(Conflict):
    """An account has at most 100 active keys; revoke one first."""

    reason = "TOO_MANY_KEYS"


class KeyRefused(Unauthenticated):
    """The API key is missing, wrong or revoked."""

    reason = "INVALID_API_KEY"


def secret_from(random_text: str) -> str:
    """Return the secret made of 43 characters of URL-safe random text (256 bits)."""
    return f"pxl_{random_text}"


def is_secret(text: str) -> bool:
    """Return whether the text has the form of a secret, without a lookup."""
    return _SECRET.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """Return the stored digest of a secret. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def shown_prefix(secret: str) -> str:
    """Return the public prefix of a secret."""
    return secret[:_SHOWN_CHARS]


def check_name(name: str) -> None:
    """Raise InvalidKeyName unless the name is printable."""
    if not name.strip() or len(name) > _MAX_NAME_CHARS or not name.isprintable():
        raise InvalidKeyName(violations=(Violation("name", "1 to 100 printable characters"),))
