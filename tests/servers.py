"""The servers that suites and the workers of a suite share: named in the environment by `python -m tests.run`.

PostgreSQL is not among them: an open transaction anywhere in a server holds back what others may read of their outbox.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from pixel_embedded import S3Server, run_kafka, run_s3

REPOSITORY = Path(__file__).resolve().parents[1]
TOOLS = REPOSITORY / ".tools"
KAFKA, S3 = "TESTS_KAFKA_BROKERS", "TESTS_S3_SERVER"


@asynccontextmanager
async def run_shared_servers(scratch: Path) -> AsyncIterator[dict[str, str]]:
    """Run Kafka and S3 until the block ends; give the environment that names them."""
    async with (
        run_kafka(scratch / "kafka", TOOLS / "kafka") as kafka,
        run_s3(scratch / "s3", TOOLS / "versitygw") as s3,
    ):
        yield {KAFKA: kafka.brokers, S3: json.dumps(asdict(s3))}


def shared_kafka() -> str | None:
    """Return the bootstrap address of the broker that is shared; None when none is."""
    return os.environ.get(KAFKA)


def shared_s3() -> S3Server | None:
    """Return the S3 server that is shared; None when none is."""
    facts = os.environ.get(S3)
    return S3Server(**json.loads(facts)) if facts else None
