"""Accepted submissions a second: through the application core and through HTTP, against pgbench on the same statement.

pgbench runs the product's own statement with one submission in it, prepared, at the same number of clients, on the same
server, tables and accounts.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import psycopg
from pixel.generation.v1 import events_pb2
from pixel_embedded import PostgresServer
from pixel_generation.adapters.metrics import SubmissionMetrics
from pixel_generation.adapters.outbound.batched_submissions import BatchedSubmissions
from pixel_generation.adapters.outbound.caches.catalogue import CachedCatalogue
from pixel_generation.adapters.outbound.caches.queue_capacity import CountedQueueCapacity
from pixel_generation.adapters.outbound.caches.queue_snapshots import CachedQueueSnapshots
from pixel_generation.adapters.outbound.postgres.catalogue import PostgresCatalogue
from pixel_generation.adapters.outbound.postgres.queue_counts import PostgresQueueCounts
from pixel_generation.adapters.outbound.postgres.queue_snapshots import PostgresQueueSnapshots
from pixel_generation.adapters.outbound.postgres.submissions import SUBMISSIONS, PostgresSubmissions
from pixel_generation.adapters.outbound.randomness import SystemRandomness
from pixel_generation.application.reading.start_estimates import StartEstimates
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration, submit_generations
from pixel_generation.domain.work.image import ImageWork
from pixel_generation.wiring.kinds import MESSAGES
from pixel_postgres import Pool, open_pool
from pixel_runtime.clock import SystemClock

from tests.fakes.generation_catalogue import painting
from tests.load.http_client import HttpLoad
from tests.load.processes import running
from tests.load.report import Meter, Sample, finish, line, median_cpu, median_rate, shuffled
from tests.load.servers import postgres, scratch_dir

ACCOUNTS = 10_000
SECONDS = 5
OPTIONS = "-c search_path=generation -c plan_cache_mode=force_generic_plan"
"""A statement this size costs more to plan than to run: the limit plans it once."""
PROMPT = "a lighthouse at dawn, long exposure, soft colours, thin fog over the water"


def user(number: int) -> UUID:
    return UUID(int=number + 1)


async def fill_accounts(admin_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as conn:
        await conn.execute(
            "INSERT INTO generation.plans (id, weight, max_open_jobs, top_priority) VALUES ('bench', 1, 2000000000, 0)"
        )
        await conn.execute("UPDATE generation.queues SET max_queued = 2000000000")
        await conn.execute(
            "INSERT INTO generation.accounts (user_id, available, plan)"
            " SELECT lpad(to_hex(n), 32, '0')::uuid, 1000000000, 'bench' FROM generate_series(1, %s) AS n",
            (ACCOUNTS,),
        )


def _uuid(number: str) -> str:
    return f"lpad(to_hex({number}), 32, '0')::uuid"


def pgbench_script(folder: Path) -> Path:
    """Write the product's statement with one submission in place of its arrays."""
    request = events_pb2.ImageGenerationRequested(
        request_id="gen_" + "0" * 32, user_id="usr_" + "0" * 32, queue="sketch"
    )
    request.work.prompt, request.work.model, request.work.number_of_images = PROMPT, "studio-sketch", 1
    request.timestamp.GetCurrentTime()
    value = f"'\\x{request.SerializeToString().hex()}'::bytea"
    work = f'{{"prompt": "{PROMPT}", "model": "studio-sketch", "number_of_images": 1, "size": "1024x1024"}}'
    ids = {
        name: f"lpad(to_hex(4 * :n::bigint + {place}), 32, '0')::uuid"
        for place, name in enumerate(("job", "set", "a", "b"))
    }
    never, nobody = "'9999-12-31 23:59:59.999999+00'::timestamptz", "'00000000-0000-0000-0000-000000000000'::uuid"
    one = {
        "job_ids": ids["job"], "rounds": "1", "sequences": "1::bigint", "set_ids": ids["set"],
        "user_ids": _uuid(":u::bigint"), "kinds": "'image'",
        "queues": "'sketch'", "works": f"'{work}'::jsonb", "units": "1::smallint", "first_steps": "'Making 1 image'",
        "costs": "1::bigint",
        "costs_usd_micros": "0::bigint", "price_ids": "'studio-sketch/1'",
        "priorities": "1::smallint", "max_retries": "2", "created_at": "now()", "submitted_at": "now()",
        "scheduled_at": "now()", "deadlines": "now() + interval '1 day'", "cancel_at": never, "start_after": never,
        "start_before": never, "api_key_ids": nobody, "end_users": "''", "metadata": "'{}'::jsonb",
        "chosen_routes": "'{}'::jsonb", "adjustments": "'[]'::jsonb", "messages": "'Waiting in queue'",
        "traces": "'{}'::jsonb", "routes": "'POST /api/generations'", "keys_": "to_hex(:n::bigint)",
        "fingerprints": "'\\x00'::bytea", "transfer_ids": ids["a"], "event_keys": "to_hex(:u::bigint)",
        "request_topics": "'image.generation.requests'", "request_types": "'requested'", "request_ids": ids["a"],
        "requests": value, "status_ids": ids["b"], "statuses": value,
        "queues_are_full": "false",
    }  # fmt: skip
    scalars = {
        "status_topic": "'image.generation.status'", "status_type": "'status'",
    }  # fmt: skip
    arrays = {name: f"ARRAY[{text}]" for name, text in one.items()} | scalars
    statement = re.sub(r"%\((\w+)\)[sb]", lambda found: arrays[found.group(1)], str(SUBMISSIONS["submit_generations"]))
    statement = re.sub(r"--.*", "", statement).strip().rstrip(";")
    script = folder / "submit.sql"
    # :n grows within a client, so ids arrive in order as UUIDv7s do.
    script.write_text(f"\\set n :n + 1\n\\set u random(1, {ACCOUNTS})\n{' '.join(statement.split())};\n")
    return script


class Pgbench:
    """Runs pgbench; each run and client numbers its rows apart from the others'."""

    def __init__(self, server: PostgresServer, script: Path) -> None:
        self._server = server
        self._script = script
        self._runs = 0

    async def run(self, clients: int) -> Sample:
        self._runs += 1
        script = self._script.with_name(f"run{self._runs}.sql")
        base = f"({self._runs} * 1000 + :client_id) * 1000000000000 + :k"
        script.write_text(self._script.read_text().replace("\\set n :n + 1", f"\\set k :k + 1\n\\set n {base}", 1))
        meter = Meter((self._server.pid,))
        meter.start()
        process = await asyncio.create_subprocess_exec(
            str(self._server.bin_dir / "pgbench"), "-n", "-M", "prepared", f"-c{clients}", "-j2", f"-T{SECONDS}",
            "-Dk=0", "-f", str(script), "-h127.0.0.1", f"-p{self._server.port}", "-Upostgres", "postgres",
            env={**os.environ, "PGPASSWORD": self._server.admin_password, "PGOPTIONS": OPTIONS},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        text = out.decode()
        done = re.search(r"actually processed: (\d+)", text)
        rate = re.search(r"tps = ([\d.]+)", text)
        if process.returncode != 0 or done is None or rate is None or "failed transactions: 0" not in text:
            raise RuntimeError(f"pgbench failed: {text}{err.decode()}")
        sample = meter.stop(int(done.group(1)))
        return Sample(sample.operations, sample.operations / float(rate.group(1)), sample.cpu_s)


class Core:
    """The use case with its real adapters and as many concurrent callers as asked."""

    def __init__(self, pool: Pool, server: PostgresServer) -> None:
        metrics = SubmissionMetrics()
        source = PostgresCatalogue(pool, default="studio-sketch", providers=painting("sketch"))
        live = CachedCatalogue(source)
        self._server = server
        self._submissions = BatchedSubmissions(PostgresSubmissions(pool, MESSAGES))
        self._ports = {
            "catalogue": live,
            "submissions": self._submissions,
            "clock": SystemClock(),
            "randomness": SystemRandomness(),
            "observer": metrics,
            "starts": StartEstimates(
                CachedQueueSnapshots(PostgresQueueSnapshots(pool)), live, slots=10, queue_slots={}
            ),
            "capacity": CountedQueueCapacity(PostgresQueueCounts(pool)),
            "max_wait": timedelta(days=1),
            "max_retries": 2,
        }

    async def run(self, callers: int, *, hot: bool = False) -> Sample:
        """Submit for a few seconds; `hot` takes every credit from one account."""
        accepted, end = 0, time.monotonic() + SECONDS

        async def caller(number: int) -> None:
            nonlocal accepted
            turn = number
            while time.monotonic() < end:
                turn += callers
                command = SubmitGeneration(
                    user_id=user(0 if hot else turn * 7919 % ACCOUNTS),
                    work=ImageWork(prompt=PROMPT),
                    idempotency_key=secrets.token_hex(8),
                    route="POST /api/generations",
                )
                (outcome,) = await submit_generations([command], **self._ports)  # type: ignore[arg-type]
                assert isinstance(outcome, Accepted), outcome
                accepted += 1

        meter = Meter((self._server.pid,))
        meter.start()
        await asyncio.gather(*(caller(number) for number in range(callers)))
        return meter.stop(accepted)


@asynccontextmanager
async def http_load(server: PostgresServer, urls: dict[str, str], folder: Path) -> AsyncIterator[HttpLoad]:
    """Run gateway and generation as their own processes; yield a load on `POST /api/generations`."""
    async with running(urls, folder) as gateway:
        async with httpx2.AsyncClient(base_url=gateway.address) as http:
            assert (await http.get("/readyz")).status_code == 200
        keys = await gateway.accounts(50)
        body = {"prompt": PROMPT, "numberOfImages": 1}
        yield HttpLoad(gateway.address, "/api/generations", body, keys, pids=(server.pid, *gateway.pids))


async def hot() -> None:
    """`submit --hot`: all jobs of one account against jobs of ten thousand."""
    async with scratch_dir() as folder, postgres(folder, ["generation"]) as (server, urls):
        await fill_accounts(server.admin_url)
        async with open_pool(urls["generation"], schema="generation", application="bench", max_size=4) as pool:
            core = Core(pool, server)
            samples = await shuffled({"hot": lambda: core.run(32, hot=True), "spread": lambda: core.run(32)})
    rates = {name: median_rate(each) for name, each in samples.items()}
    ratio = rates["hot"] / rates["spread"]
    line("one account, 32", rates["hot"], "spread", rates["spread"], ratio=ratio, target=">= 0.8")
    finish("submit --hot", {"hot": ratio}, {name: median_cpu(each) for name, each in samples.items()})


async def main() -> None:
    services = ["generation", "gateway", "bus"]
    async with scratch_dir() as folder, postgres(folder, services) as (server, urls):
        await fill_accounts(server.admin_url)
        pgbench = Pgbench(server, pgbench_script(folder))
        async with (
            open_pool(urls["generation"], schema="generation", application="bench", max_size=4) as pool,
            http_load(server, urls, folder) as http,
        ):
            core = Core(pool, server)
            samples = await shuffled(
                {
                    "core, 32 callers": lambda: core.run(32),
                    "core, 128 callers": lambda: core.run(128),
                    "pgbench, 32 clients": lambda: pgbench.run(32),
                    "pgbench, 128 clients": lambda: pgbench.run(128),
                    "HTTP, 128 callers": lambda: http.run(128, SECONDS),
                }
            )
    rates = {name: median_rate(each) for name, each in samples.items()}
    ratios = {
        "core_32": rates["core, 32 callers"] / rates["pgbench, 32 clients"],
        "core_128": rates["core, 128 callers"] / rates["pgbench, 128 clients"],
        "e2e_128": rates["HTTP, 128 callers"] / rates["pgbench, 128 clients"],
    }
    limit32, limit128 = rates["pgbench, 32 clients"], rates["pgbench, 128 clients"]
    line("core, 32", rates["core, 32 callers"], "pgbench", limit32, ratio=ratios["core_32"], target=">= 0.9")
    line("core, 128", rates["core, 128 callers"], "pgbench", limit128, ratio=ratios["core_128"], target=">= 2.0")
    line("HTTP, 128", rates["HTTP, 128 callers"], "pgbench", limit128, ratio=ratios["e2e_128"], target=">= 0.3")
    finish("submit", ratios, {name: median_cpu(each) for name, each in samples.items()})
