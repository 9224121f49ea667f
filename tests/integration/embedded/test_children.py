from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from pixel_embedded import StartFailedError, run_kafka, run_redis, run_s3
from pixel_embedded.child import Child
from redis.asyncio import Redis

TOOLS = Path(__file__).resolve().parents[3] / ".tools"
PROGRAM = Path(__file__).with_name("programs.py")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def start_program(kind: str, data_dir: Path) -> tuple[asyncio.subprocess.Process, int]:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), kind, str(data_dir), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    line = await asyncio.wait_for(program.stdout.readline(), 60)
    return program, int(line)


@pytest.mark.parametrize("kind", ["postgres", "redis", "s3", "kafka"])
async def test_a_server_dies_with_the_process_that_started_it_and_starts_again(kind, tmp_path, wait_until):
    program, server_pid = await start_program(kind, tmp_path / kind)
    assert is_alive(server_pid)
    program.kill()
    await program.wait()
    again, new_pid = await start_program(kind, tmp_path / kind)
    assert new_pid != server_pid
    await wait_until(lambda: not is_alive(server_pid))
    again.kill()
    await again.wait()
    await wait_until(lambda: not is_alive(new_pid))


def child(tmp_path: Path, script: str, **more) -> Child:
    return Child(name="toy", command=["/bin/sh", "-c", script], log=tmp_path / "toy.log", cwd=tmp_path, **more)


async def test_the_error_of_a_child_that_ends_early_quotes_its_log(tmp_path):
    toy = child(tmp_path, "echo no room; exit 3")
    await toy.start()
    with pytest.raises(StartFailedError, match=r"toy ended with code 3[^$]*no room"):
        await toy.wait_ready(lambda: False, within_s=10)
    await toy.stop()


async def test_a_child_that_is_never_ready_is_reported_after_the_timeout(tmp_path):
    toy = child(tmp_path, "echo thinking; sleep 60")
    await toy.start()
    with pytest.raises(StartFailedError, match=r"toy was not ready within 0\.2 s"):
        await toy.wait_ready(lambda: False, within_s=0.2)
    await toy.stop()
    assert not is_alive(toy.pid)


async def test_a_child_that_ignores_the_request_to_stop_is_killed(tmp_path, wait_until):
    toy = child(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 0.1; done", grace_s=0.2)
    await toy.start()
    await wait_until(lambda: "deaf" in toy.said())
    started = time.monotonic()
    await toy.stop()
    assert toy.exit_code == -signal.SIGKILL
    assert time.monotonic() - started < 5


async def test_stopping_twice_or_before_the_start_does_nothing(tmp_path):
    toy = child(tmp_path, "sleep 60")
    await toy.stop()
    await toy.start()
    await toy.stop()
    await toy.stop()
    assert toy.exit_code == -signal.SIGTERM


async def test_a_large_log_is_rotated(tmp_path):
    toy = child(tmp_path, "echo fresh")
    toy.log.write_bytes(b"x" * 10_000_001)
    await toy.start()
    await toy.stop()
    assert toy.log.stat().st_size < 100
    assert (tmp_path / "toy.log.1").stat().st_size == 10_000_001


async def test_kafka_keeps_its_topics_and_its_address(tmp_path):
    async with run_kafka(tmp_path / "kafka", TOOLS / "kafka") as first:
        admin = AdminClient({"bootstrap.servers": first.brokers, "log_level": 0})
        await asyncio.to_thread(admin.create_topics([NewTopic("kept", 2, 1)])["kept"].result, 20)
    async with run_kafka(tmp_path / "kafka", TOOLS / "kafka") as second:
        assert second.brokers == first.brokers
        admin = AdminClient({"bootstrap.servers": second.brokers, "log_level": 0})
        topics = (await asyncio.to_thread(admin.list_topics, timeout=20)).topics
    assert len(topics["kept"].partitions) == 2


async def test_redis_answers(tmp_path):
    async with run_redis(tmp_path / "redis") as server:
        client = Redis.from_url(server.url)
        assert await client.ping()
        await client.aclose()


@pytest.mark.parametrize("run", [run_kafka, run_s3])
async def test_a_missing_part_is_reported_with_the_remedy(run, tmp_path):
    with pytest.raises(StartFailedError, match="make parts"):
        await run(tmp_path / "data", tmp_path / "missing").__aenter__()


async def test_a_cancelled_start_leaves_no_process(tmp_path, wait_until):
    starting = asyncio.create_task(run_kafka(tmp_path / "kafka", TOOLS / "kafka").__aenter__())
    log = tmp_path / "kafka" / "kafka.log"
    await wait_until(lambda: log.exists() and log.stat().st_size > 0, timeout_s=30)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    mark = str(tmp_path / "kafka").encode()
    assert not [command for command in command_lines() if mark in command]


def command_lines() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield (process / "cmdline").read_bytes()
