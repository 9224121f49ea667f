"""A Kafka broker that is its own controller (KRaft), from the jars of Maven Central."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_embedded.child import Child, StartFailedError, launcher, tail
from pixel_embedded.data_dir import claim, is_listening, recall_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_START_WITHIN_S = 90.0
_JVM = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={log_dirs}
num.network.threads=2
num.io.threads=4
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"""
"""Settings of one node: every replication factor is 1, and a group starts at once."""


@dataclass(frozen=True)
class KafkaServer:
    """A running broker; `brokers` is the bootstrap address for clients."""

    port: int
    pid: int

    @property
    def brokers(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def run_kafka(data_dir: Path, jars: Path) -> AsyncIterator[KafkaServer]:
    """Run the broker on `data_dir` (formatted when new) until the block ends; a restart keeps the port.

    `jars` is the folder `make parts` filled. Raises InUseError or StartFailedError.
    """
    with claim(data_dir) as home:
        java = _java(jars)
        port, controller_port = recall_port(home), recall_port(home, "controller-port")
        properties = home / "server.properties"
        properties.write_text(_PROPERTIES.format(port=port, controller_port=controller_port, log_dirs=home / "topics"))
        if not (home / "topics" / "meta.properties").exists():
            await _format(java, properties)
        child = Child(
            name="Kafka",
            command=[*java, "kafka.Kafka", str(properties)],
            log=home / "kafka.log",
            cwd=home,
            grace_s=15.0,
        )
        try:
            await child.start()
            await child.wait_ready(lambda: _is_ready(child, port), within_s=_START_WITHIN_S)
            yield KafkaServer(port=port, pid=child.pid)
        finally:
            await asyncio.shield(child.stop())


def _java(jars: Path) -> list[str]:
    """Return the start of the command line: the JVM, its limits and the class path."""
    java = shutil.which("java")
    if java is None:
        raise StartFailedError("Java 17 or newer is missing: Debian has it as default-jre-headless")
    if not any(jars.glob("kafka_*.jar")):
        raise StartFailedError(f"{jars} holds no Kafka: fetch it with `make parts`")
    return [java, *_JVM, "-cp", f"{jars.absolute()}{os.sep}*"]


async def _format(java: list[str], properties: Path) -> None:
    log = properties.parent / "format.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGKILL), *java, "kafka.tools.StorageTool", "format",
            f"--cluster-id={_cluster_id()}", f"--config={properties}",
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT, cwd=properties.parent,
        )  # fmt: skip
        code = await process.wait()
    if code != 0:
        raise StartFailedError(f"formatting Kafka's storage ended with code {code}; the end of {log}:\n{tail(log)}")


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _is_ready(child: Child, port: int) -> bool:
    """Check the broker's log too: its port accepts connections before it serves requests."""
    return "Kafka Server started" in child.said() and is_listening(port)
