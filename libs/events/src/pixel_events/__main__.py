"""`python -m pixel_events`: what an operator does with the bus."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from pixel_errors import PixelError

from pixel_events.connect import open_bus
from pixel_events.dead_letters import list_dead_letters, origin_of, redrive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_events.bus import Bus
    from pixel_events.event import Event

EXAMPLES = """examples:
  python -m pixel_events --bus-url kafka://127.0.0.1:9092 topics create
  python -m pixel_events topics health
  python -m pixel_events dead-letters list image.generation.requests
  python -m pixel_events dead-letters redrive image.generation.requests --dry-run
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it succeeded, 1 when the bus refused or is not healthy, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    if not options.bus_url:
        print("give --bus-url, PIXEL_BUS_URL or KAFKA_BROKERS", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(options))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except PixelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pixel_events",
        description="Topics and dead letters of the bus.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    brokers = os.environ.get("KAFKA_BROKERS", "")
    parser.add_argument(
        "--bus-url",
        default=os.environ.get("PIXEL_BUS_URL") or (f"kafka://{brokers}" if brokers else ""),
        help="postgres://… or kafka://host:port,…; default: PIXEL_BUS_URL, then KAFKA_BROKERS",
    )
    areas = parser.add_subparsers(dest="area", required=True)
    topics = areas.add_parser("topics", help="create the catalogue's topics, or look at them")
    topics.add_argument("command", choices=["create", "health"])
    letters = areas.add_parser("dead-letters", help="records no consumer could handle")
    commands = letters.add_subparsers(dest="command", required=True)
    for name, text in (("list", "show the oldest"), ("redrive", "publish them to their topic again")):
        command = commands.add_parser(name, help=text)
        command.add_argument("topic", help="the topic they come from, without .dlq")
        command.add_argument("--limit", type=int, default=1000, help="at most so many (default 1000)")
        if name == "redrive":
            command.add_argument("--rate", type=_rate, default=50.0, help="at most so many a second (default 50)")
            command.add_argument("--dry-run", action="store_true", help="show what would be published")
    return parser


def _rate(text: str) -> float:
    rate = float(text)
    if rate <= 0:
        raise argparse.ArgumentTypeError("a rate is greater than 0")
    return rate


async def _run(options: argparse.Namespace) -> int:
    bus = open_bus(
        options.bus_url,
        client_id=os.environ.get("KAFKA_CLIENT_ID", "pixel-studio"),
        ssl=os.environ.get("KAFKA_SSL", "").lower() in {"1", "true", "yes"},
        sasl_username=os.environ.get("KAFKA_USERNAME", ""),
        sasl_password=os.environ.get("KAFKA_PASSWORD", ""),
    )
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
