"""Gateway to generation: the coalescing client against unary calls and against a bare echo of the same bytes.

The servers run in one process of their own; they answer at once, so that only the hop is measured.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import uvloop
from pixel.generation.v1 import generation_pb2, generations_service_pb2, generations_service_pb2_grpc
from pixel_gateway.adapters.generation_codec import submission_message
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec
from pixel_rpc import RpcServer, open_channel

from tests.load.report import Meter, Sample, finish, line, median_cpu, median_rate, shuffled

CALLERS = 32
CALLS = {"coalesced": 40_000, "unary": 4_000, "echo": 60_000}
SPEC = Spec(prompt="a lighthouse at dawn, long exposure, soft colours", model="studio-sketch", style="ink")
SUBMISSION = Submission(
    user_id="usr_" + "0" * 31 + "1", spec=SPEC, idempotency_key="0123456789abcdef", route="POST /api/generations"
)


class Instant(generations_service_pb2_grpc.GenerationsServiceServicer):
    """Accepts everything immediately."""

    def __init__(self) -> None:
        generation = generation_pb2.Generation(
            id="gen_" + "0" * 31 + "1", user_id=SUBMISSION.user_id, set_id="set_" + "0" * 31 + "1", cost_credits=1,
            status=generation_pb2.GENERATION_STATUS_QUEUED, stage=generation_pb2.GENERATION_STAGE_WAITING, sequence=1,
        )  # fmt: skip
        generation.create_time.GetCurrentTime()
        generation.image.CopyFrom(submission_message(SUBMISSION).image)
        self._result = generations_service_pb2.SubmissionResult(generation=generation)

    async def SubmitMany(self, request: Any, context: Any) -> Any:  # noqa: N802
        results = [self._result] * len(request.submissions)
        return generations_service_pb2.SubmitManyResponse(results=results)


async def serve() -> None:
    """Print the two addresses and serve until stdin closes."""

    def register(server: grpc.aio.Server) -> None:
        generations_service_pb2_grpc.add_GenerationsServiceServicer_to_server(Instant(), server)

    rpc = RpcServer("hop", "127.0.0.1:0", register, services=["pixel.generation.v1.GenerationsService"])
    await rpc.start()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            body = await reader.readexactly(int.from_bytes(size, "big"))
            writer.write(size + body)
        writer.close()

    bare = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(rpc.address, bare.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    bare.close()
    await rpc.stop()


async def callers(calls: int, call: Callable[[], Awaitable[object]]) -> None:
    left = iter(range(calls))

    async def one() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*(one() for _ in range(CALLERS)))


async def measured(pid: int, calls: int, call: Callable[[], Awaitable[object]]) -> Sample:
    meter = Meter((pid,))
    meter.start()
    await callers(calls, call)
    return meter.stop(calls)


async def echoed(pid: int, port: int, calls: int) -> Sample:
    """Send and receive the same bytes over one plain connection a caller."""
    body = submission_message(SUBMISSION).SerializeToString()
    frame = len(body).to_bytes(4, "big") + body
    left = iter(range(calls))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(frame)
            await reader.readexactly(len(frame))
        writer.close()

    meter = Meter((pid,))
    meter.start()
    await asyncio.gather(*(one() for _ in range(CALLERS)))
    return meter.stop(calls)


async def main() -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.load.hop", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    address, port = (await server.stdout.readline()).decode().split()
    try:
        async with open_channel(address) as ours, grpc.aio.insecure_channel(address) as plain:
            product = GrpcGenerations(ours)
            stub = generations_service_pb2_grpc.GenerationsServiceStub(plain)
            one = generations_service_pb2.SubmitManyRequest(submissions=[submission_message(SUBMISSION)])
            samples = await shuffled(
                {
                    "coalesced": lambda: measured(server.pid, CALLS["coalesced"], lambda: product.submit(SUBMISSION)),
                    "unary": lambda: measured(server.pid, CALLS["unary"], lambda: stub.SubmitMany(one)),
                    "echo": lambda: echoed(server.pid, int(port), CALLS["echo"]),
                }
            )
    finally:
        assert server.stdin is not None
        server.stdin.close()
        await server.wait()
    rates = {name: median_rate(each) for name, each in samples.items()}
    against_unary = rates["coalesced"] / rates["unary"]
    against_echo = rates["coalesced"] / rates["echo"]
    line("coalesced", rates["coalesced"], "unary grpc.aio", rates["unary"], ratio=against_unary, target=">= 3")
    line("coalesced", rates["coalesced"], "raw asyncio echo", rates["echo"], ratio=against_echo, target=">= 0.1")
    finish(
        "hop",
        {"unary": against_unary, "echo": against_echo},
        {name: median_cpu(each) for name, each in samples.items()},
        callers=CALLERS,
        pid=os.getpid(),
    )


if __name__ == "__main__":
    uvloop.run(serve())
