"""`python -m pixel_events`: the operator's commands for the bus."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pixel_errors import PixelError
from pixel_runtime import Secret, load_settings

from pixel_events.connect import bus_of
from pixel_events.dead_letters import list_dead_letters, origin_of, redrive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixel_events.bus import Bus
    from pixel_events.event import Event

EXAMPLES = """examples:
  python -m pixel_events --bus-url kafka://127.0.0.1:9092 topics create
  python -m pixel_events topics health
  python -m pixel_events dead-letters list image.generation.requests
  python -m pixel_events dead-letters redrive image.generation.requests --dry-run
"""


@dataclass(frozen=True)
class OperatorSettings:
    """The bus, from the environment variables that the services read."""

    bus_url: str = ""
    kafka_brokers: str = field(default="", metadata={"env": ("KAFKA_BROKERS",)})
    kafka_client_id: str = field(default="pixel-studio", metadata={"env": ("KAFKA_CLIENT_ID",)})
    kafka_ssl: bool = field(default=False, metadata={"env": ("KAFKA_SSL",)})
    kafka_sasl_username: str = field(default="", metadata={"env": ("KAFKA_SASL_USERNAME",)})
    kafka_sasl_password: Secret = field(default=Secret(), metadata={"env": ("KAFKA_SASL_PASSWORD",)})
    kafka_replication_factor: int = field(default=3, metadata={"env": ("KAFKA_REPLICATION_FACTOR",)})
    """Copies of each partition of a topic that is created."""

    def __post_init__(self) -> None:
        if self.kafka_replication_factor < 1:
            raise ValueError("the replication factor is at least 1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 on success, 1 when the bus refused or is not healthy, 2 for wrong usage."""
    options = parser().parse_args(arguments)
    try:
        settings = read_settings(options, os.environ)
        return asyncio.run(_run(options, settings))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except PixelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m pixel_events",
        description="Topics and dead letters of the bus.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--bus-url",
        default="",
        help="postgres://… or kafka://host:port,…; default: KAFKA_BROKERS, then PIXEL_BUS_URL, as the services do",
    )
    areas = made.add_subparsers(dest="area", required=True)
    topics = areas.add_parser("topics", help="create or check the catalogue's topics")
    acts = topics.add_subparsers(dest="command", required=True)
    create = acts.add_parser("create", help="create the topics that are missing")
    create.add_argument(
        "--replication",
        type=int,
        help="copies of each Kafka partition, at most one a broker; default: KAFKA_REPLICATION_FACTOR, then 3",
    )
    acts.add_parser("health", help="show whether the bus answers and which topics it has")
    letters = areas.add_parser("dead-letters", help="records no consumer could handle")
    commands = letters.add_subparsers(dest="command", required=True)
    for name, text in (("list", "show the oldest"), ("redrive", "publish them to their topic again")):
        command = commands.add_parser(name, help=text)
        command.add_argument("topic", help="the topic they come from, without .dlq")
        command.add_argument("--limit", type=int, default=1000, help="at most this many (default 1000)")
        if name == "redrive":
            command.add_argument("--rate", type=_rate, default=50.0, help="at most this many a second (default 50)")
            command.add_argument("--dry-run", action="store_true", help="show what would be published")
    return made


def read_settings(options: argparse.Namespace, environ: Mapping[str, str]) -> OperatorSettings:
    """Read the bus address and credentials; options override the environment. Raises ValueError."""
    settings = load_settings(OperatorSettings, environ=environ)
    if options.bus_url:
        settings = replace(settings, bus_url=options.bus_url, kafka_brokers="")
    if not (settings.bus_url or settings.kafka_brokers):
        raise ValueError("give --bus-url, KAFKA_BROKERS or PIXEL_BUS_URL")
    replication = getattr(options, "replication", None)
    return settings if replication is None else replace(settings, kafka_replication_factor=replication)


def _rate(text: str) -> float:
    rate = float(text)
    if rate <= 0:
        raise argparse.ArgumentTypeError("a rate is greater than 0")
    return rate


async def _run(options: argparse.Namespace, settings: OperatorSettings) -> int:
    bus = bus_of(settings, replication=settings.kafka_replication_factor)
    try:
        if options.area == "topics":
            return await (_create(bus) if options.command == "create" else _health(bus))
        return await (_list(bus, options) if options.command == "list" else _redrive(bus, options))
    finally:
        await bus.close()


async def _create(bus: Bus) -> int:
    created = await bus.ensure_topics()
    print("\n".join(f"created {name}" for name in created) if created else "every topic is there")
    return 0


async def _health(bus: Bus) -> int:
    health = await bus.health()
    print(f"reachable: {'yes' if health.reachable else 'no'}")
    print(f"brokers: {', '.join(health.brokers)}")
    print(f"topics: {len(health.present)} present, {len(health.missing)} missing")
    for name in health.missing:
        print(f"missing: {name}")
    if health.error:
        print(f"error: {health.error}")
    return 0 if health.healthy else 1


async def _list(bus: Bus, options: argparse.Namespace) -> int:
    letters = await list_dead_letters(bus, options.topic, limit=options.limit)
    for letter in letters:
        print(_line(letter))
    print(f"{len(letters)} dead letters")
    return 0


async def _redrive(bus: Bus, options: argparse.Namespace) -> int:
    events = await redrive(bus, options.topic, limit=options.limit, rate_per_s=options.rate, is_dry_run=options.dry_run)
    for event in events:
        print(f"{event.id} {event.type} to {event.topic}")
    print(f"{len(events)} {'would be ' if options.dry_run else ''}redriven")
    return 0


def _line(letter: Event) -> str:
    try:
        origin = origin_of(letter)
    except PixelError as error:
        return f"{letter.id} {error.detail}"
    return (
        f"{letter.id} {letter.type} from {origin.topic}/{origin.partition}/{origin.offset}, "
        f"{origin.consumer}: {origin.error} after {origin.attempts} attempts"
    )


if __name__ == "__main__":
    sys.exit(main())
