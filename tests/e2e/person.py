"""The user of the end-to-end tests: a client of the public API with a key."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from pixel.gateway.v1 import accounts_service_pb2, accounts_service_pb2_grpc
from pixel_rpc import open_channel

from tests.loopback import http_client

FINAL = {"completed", "failed", "cancelled"}


@dataclass(frozen=True)
class Studio:
    """A running product in any mode."""

    address: str
    """Public HTTP address."""
    accounts_address: str
    """gRPC address of the operators' Accounts service."""

    @asynccontextmanager
    async def person(self, first_credits: int = 1000, *, timeout_s: float = 60.0) -> AsyncIterator[Person]:
        """Create an account with a key."""
        async with open_channel(self.accounts_address, default_deadline_s=20.0) as channel:
            stub = accounts_service_pb2_grpc.AccountsServiceStub(channel)
            username = f"person-{secrets.token_hex(6)}"
            made = await stub.EnsureAccount(
                accounts_service_pb2.EnsureAccountRequest(username=username, first_credits=first_credits)
            )
            key = await stub.CreateApiKey(
                accounts_service_pb2.CreateApiKeyRequest(user_id=made.account.id, name="end-to-end")
            )
        headers = {"authorization": f"Bearer {key.secret}"}
        async with http_client(self.address, headers=headers, timeout=timeout_s) as http:
            yield Person(self, made.account.id, key.secret, http)


@dataclass(frozen=True)
class Person:
    """An account, its key and a client that sends it."""

    studio: Studio
    user_id: str
    api_key: str
    http: httpx2.AsyncClient

    async def submit(self, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Submit a generation; return it from the response."""
        headers = {"idempotency-key": key} if key else {}
        answer = await self.http.post("/api/generations", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json()["success"] is True
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def status(self, generation_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/generation/{generation_id}/status")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def finished(self, generation_id: str, *, within_s: float = 60.0) -> dict[str, Any]:
        """Poll until the generation has ended; return its last status."""
        deadline = time.monotonic() + within_s
        while (body := await self.status(generation_id))["status"] not in FINAL:
            assert time.monotonic() < deadline, f"not ended within {within_s} s: {body}"
            await asyncio.sleep(0.05)
        return body

    async def credits(self) -> tuple[int, int]:
        """Credits available and held."""
        me = (await self.http.get("/api/me")).json()
        return me["credits"]["available"], me["credits"]["held"]
