"""The accounts and keys of a running studio, through the gateway's own API."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pixel.gateway.v1 import accounts_service_pb2 as messages
    from pixel.gateway.v1 import accounts_service_pb2_grpc as stubs

USERNAME = "studio"
FIRST_CREDITS = 10_000
KEY_FILE = "key"


class Accounts:
    """Accounts and API keys of one studio."""

    def __init__(self, stub: stubs.AccountsServiceAsyncStub) -> None:
        self._stub = stub

    async def ensure(self, username: str, first_credits: int) -> messages.Account:
        """Return the account of that name; create it with its first credits when it does not exist."""
        from pixel.gateway.v1 import accounts_service_pb2 as messages

        request = messages.EnsureAccountRequest(username=username, first_credits=first_credits)
        return (await self._stub.EnsureAccount(request)).account

    async def create_key(self, user_id: str, name: str) -> messages.CreateApiKeyResponse:
        """Return a new key with its secret."""
        from pixel.gateway.v1 import accounts_service_pb2 as messages

        return await self._stub.CreateApiKey(messages.CreateApiKeyRequest(user_id=user_id, name=name))

    async def keys(self, user_id: str) -> Sequence[messages.ApiKey]:
        """Return the account's keys, newest first, without their secrets."""
        from pixel.gateway.v1 import accounts_service_pb2 as messages

        return (await self._stub.ListApiKeys(messages.ListApiKeysRequest(user_id=user_id))).api_keys

    async def revoke(self, user_id: str, key_id: str) -> messages.ApiKey:
        """Revoke a key; idempotent."""
        from pixel.gateway.v1 import accounts_service_pb2 as messages

        return (await self._stub.RevokeApiKey(messages.RevokeApiKeyRequest(user_id=user_id, id=key_id))).api_key


@asynccontextmanager
async def open_accounts(grpc_address: str) -> AsyncIterator[Accounts]:
    """Connect to the gateway's gRPC address."""
    from pixel.gateway.v1 import accounts_service_pb2_grpc as stubs
    from pixel_rpc import open_channel

    async with open_channel(grpc_address) as channel:
        yield Accounts(stubs.AccountsServiceStub(channel))


async def ensure_key(data_dir: Path, accounts: Accounts) -> str:
    """Return the studio's own key; reuse the stored one while it is valid."""
    account = await accounts.ensure(USERNAME, FIRST_CREDITS)
    kept = read_key(data_dir)
    working = [key.prefix for key in await accounts.keys(account.id) if not key.HasField("revoke_time")]
    if kept and any(kept.startswith(prefix) for prefix in working):
        return kept
    secret = (await accounts.create_key(account.id, "studio")).secret
    _keep(data_dir / KEY_FILE, secret)
    return secret


def read_key(data_dir: Path) -> str:
    """Return the key stored in the data directory, or an empty text."""
    try:
        return (data_dir / KEY_FILE).read_text().strip()
    except FileNotFoundError:
        return ""


def _keep(file: Path, secret: str) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
        written.write(secret + "\n")
    fresh.replace(file)
