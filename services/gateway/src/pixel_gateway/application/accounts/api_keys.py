"""Creates, revokes and looks up API keys."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_gateway.domain.api_key import (
    ApiKey,
    KeyRefused,
    Principal,
    check_name,
    digest,
    is_secret,
    secret_from,
    shown_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pixel_gateway.application.accounts.ports import ApiKeys
    from pixel_gateway.application.ports import Clock, Ids

REMEMBERED_S = 5.0
"""Seconds a looked-up key is cached; a key revoked on another instance works at most this much longer."""

_REMEMBERED_KEYS = 10_000


@dataclass(frozen=True)
class CreateApiKey:
    """A key to create."""

    user_id: str
    name: str


@dataclass(frozen=True)
class RevokeApiKey:
    """A key to revoke."""

    user_id: str
    key_id: str


async def create_api_key(command: CreateApiKey, *, keys: ApiKeys, ids: Ids, clock: Clock) -> tuple[ApiKey, str]:
    """Return a new key and its secret, which is not stored."""
    check_name(command.name)
    secret = secret_from(ids.random_text())
    key = ApiKey(
        id=ids.new("key"),
        user_id=command.user_id,
        name=command.name,
        prefix=shown_prefix(secret),
        create_time=clock.now(),
    )
    await keys.add(key, digest(secret))
    return key, secret


async def revoke_api_key(command: RevokeApiKey, *, keys: ApiKeys, authenticator: Authenticator, clock: Clock) -> ApiKey:
    """Revoke a key: at once in this process, within REMEMBERED_S in others."""
    key, secret_digest = await keys.revoke(command.user_id, command.key_id, clock.now())
    authenticator.forget(secret_digest)
    return key


class Authenticator:
    """Looks up the principal of a secret, and records the last use of keys."""

    def __init__(self, *, keys: ApiKeys, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._monotonic = monotonic
        self._remembered: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._used: dict[str, datetime] = {}
        self._forgotten = 0

    async def authenticate(self, secret: str) -> Principal:
        """Return the principal of a valid secret; raise KeyRefused."""
        if not is_secret(secret):
            raise KeyRefused
        secret_digest = digest(secret)
        known = self._remembered.get(secret_digest)
        if known is not None and known[1] > self._monotonic():
            return known[0]
        asked_at, forgotten = self._monotonic(), self._forgotten
        principal = await self._keys.find(secret_digest)
        if principal is None:
            self._remembered.pop(secret_digest, None)
            raise KeyRefused
        if forgotten == self._forgotten:  # otherwise the result may be older than a revocation
            self._remembered[secret_digest] = (principal, asked_at + REMEMBERED_S)
            self._remembered.move_to_end(secret_digest)
        while len(self._remembered) > _REMEMBERED_KEYS:
            self._remembered.popitem(last=False)
        self._used[principal.key_id] = self._clock.now()
        return principal

    def forget(self, secret_digest: bytes) -> None:
        """Remove the secret from the cache."""
        self._forgotten += 1
        self._remembered.pop(secret_digest, None)

    async def write_usage(self) -> None:
        """Store unsaved times of last use."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._keys.used(used)
        except BaseException:
            self._used = used | self._used
            raise
