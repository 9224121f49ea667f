"""A generation service in this process, and a client that submits until the result is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from pixel.generation.v1 import billing_service_pb2 as billing
from pixel.generation.v1 import generation_pb2 as messages
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel.generation.v1.billing_service_pb2_grpc import BillingServiceStub
from pixel.generation.v1.generations_service_pb2_grpc import GenerationsServiceStub
from pixel_errors import DeadlineExceeded, Internal, Unavailable
from pixel_rpc import RpcServer, open_channel
from pixel_runtime.ids import format_id, new_id
from pixel_runtime.service import Service

from tests.faults.checker import Evidence, Report, check

ROUTE = "POST /api/generations"
UNKNOWN = (Unavailable, DeadlineExceeded, Internal)


@dataclass
class Caller:
    """Submits over gRPC; unknown results are retried with the same key."""

    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.generations = GenerationsServiceStub(self.channel)
        self.billing = BillingServiceStub(self.channel)

    async def user(self, credit_count: int) -> str:
        user = format_id("usr", new_id())
        request = billing.GrantCreditsRequest(user_id=user, credits=credit_count, grant_id="signup", reason="welcome")
        await until_known(lambda: self.billing.GrantCredits(request))
        return user

    async def submit(self, user: str, key: str, **work: Any) -> str:
        """Submit one generation; return its id."""
        fields: dict[str, Any] = {"prompt": "a fox", "number_of_images": 1, "size": "1024x1024"} | work
        wanted = messages.ImageWork(**fields)
        item = pb.Submission(user_id=user, image=wanted, idempotency_key=key, route=ROUTE)
        deadline = time.monotonic() + 60
        while True:
            answer = await until_known(
                lambda: self.generations.SubmitMany(pb.SubmitManyRequest(submissions=[item]), timeout=10)
            )
            result = answer.results[0]
            if result.WhichOneof("outcome") == "generation":
                return str(result.generation.id)
            assert result.error.kind in {"unavailable", "deadline_exceeded", "internal"}, result.error
            assert time.monotonic() < deadline, result.error
            await asyncio.sleep(0.05)


async def until_known(call: Any, *, within_s: float = 60.0) -> Any:
    """Retry while the result is unknown; raise a rejection and the timeout."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return await call()
        except UNKNOWN:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


@asynccontextmanager
async def calling(service: Service) -> AsyncIterator[Caller]:
    """Open a channel to the service's own server."""
    address = next(part.address for part in service.parts if isinstance(part, RpcServer))
    async with open_channel(address) as channel:
        yield Caller(channel)


async def assert_at_rest(admin_url: str, *, within_s: float = 60.0, logs: tuple[Path, ...] = ()) -> Report:
    """Return the report once nothing is violated; fail with the last one when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        report = await check(Evidence(admin_url, logs=logs))
        if not report.violations:
            return report
        if time.monotonic() > deadline:
            pytest.fail(f"violations after {within_s:g} s\n{report}")
        await asyncio.sleep(0.3)
