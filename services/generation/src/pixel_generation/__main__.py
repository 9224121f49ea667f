"""`python -m pixel_generation ROLE …`: run one or more roles in this process, or one command of an operator."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import pixel_telemetry
from pixel_errors import PixelError
from pixel_postgres import migrate
from pixel_runtime.service import run
from pixel_runtime.settings import SettingsError, load_settings

from pixel_generation.adapters.inbound.operator_commands import format_replay, format_rules
from pixel_generation.main import ALL_ROLES, build, open_commands
from pixel_generation.settings import Settings
from pixel_generation.wiring.adapters import SCHEMA

DEFAULT_REPLAYED = 5_000
NOT_PROVED = 3
EXITS = """exit status of a command: 0 no violation, 1 violations are listed, 2 wrong settings or arguments,
3 nothing was checked, because the database could not be read"""


def main() -> int:
    """Run the roles until SIGTERM, or one command; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pixel_generation",
        description="Jobs, ledger and image models.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "roles",
        nargs="+",
        choices=[*sorted(ALL_ROLES), "migrate", *COMMANDS],
        help="what this process does; `reconcile` checks the ledger, `replay` that the events of jobs give their rows",
    )
    parser.add_argument(
        "--limit",
        type=_count,
        default=DEFAULT_REPLAYED,
        help="maximum number of jobs for `replay`, oldest first (default: %(default)s)",
    )
    parser.add_argument("--config", type=Path, help="TOML file with settings; the environment overrides it")
    arguments = parser.parse_args()
    try:
        settings = load_settings(Settings, environ=os.environ, file=arguments.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    pixel_telemetry.setup("generation", log_level=settings.log_level, otlp_endpoint=settings.otlp_endpoint)
    roles = frozenset(arguments.roles)
    if roles & COMMANDS.keys():
        if len(arguments.roles) > 1:
            parser.error("a command cannot be combined with a role")
        return _prove(arguments.roles[0], settings, arguments.limit)
    if "migrate" in roles:
        migrate(settings.migrate_url or settings.database_url, package="pixel_generation", schema=SCHEMA)
    if roles - {"migrate"}:
        asyncio.run(_serve(settings, roles - {"migrate"}))
    return 0


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be 1 or more")
    return number


def _prove(command: str, settings: Settings, limit: int) -> int:
    """Run a command; failing to read has another exit status than finding a violation."""
    try:
        return asyncio.run(COMMANDS[command](settings, limit))
    except PixelError as error:
        print(f"{command}: {error.detail} ({error.code})", file=sys.stderr)
        return NOT_PROVED


async def _reconcile(settings: Settings, limit: int) -> int:
    del limit
    async with open_commands(settings) as commands:
        return _print(format_rules(await commands.reconcile()))


async def _replay(settings: Settings, limit: int) -> int:
    async with open_commands(settings) as commands:
        return _print(format_replay(await commands.replay(limit)))


def _print(outcome: tuple[str, bool]) -> int:
    text, holds = outcome
    print(text)
    return 0 if holds else 1


COMMANDS = {"reconcile": _reconcile, "replay": _replay}


async def _serve(settings: Settings, roles: frozenset[str]) -> None:
    async with build(settings, roles) as service:
        await run(service)


if __name__ == "__main__":
    sys.exit(main())
