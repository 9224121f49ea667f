"""`python -m pixel_generation ROLE …`: run one or more roles in this process, or one command of an operator."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import pixel_telemetry
from pixel_postgres import migrate
from pixel_runtime.service import run
from pixel_runtime.settings import SettingsError, load_settings

from pixel_generation.adapters.inbound.operator_commands import tell_replay, tell_rules
from pixel_generation.main import ALL_ROLES, SCHEMA, build, open_commands
from pixel_generation.settings import Settings

DEFAULT_REPLAYED = 5_000


def main() -> int:
    """Run the roles until SIGTERM; 1 when a proof fails, 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="python -m pixel_generation", description="Jobs, ledger and image models.")
    parser.add_argument(
        "roles",
        nargs="+",
        choices=[*sorted(ALL_ROLES), "migrate", *COMMANDS],
        help="what this process does; `reconcile` proves the ledger, `replay` that the events of jobs give their rows",
    )
    parser.add_argument("--limit", type=int, default=DEFAULT_REPLAYED, help="most jobs that `replay` looks at")
    parser.add_argument("--config", type=Path, help="TOML file with settings; the environment wins over it")
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
            parser.error("a command runs alone")
        return asyncio.run(COMMANDS[arguments.roles[0]](settings, arguments.limit))
    if "migrate" in roles:
        migrate(settings.migrate_url or settings.database_url, package="pixel_generation", schema=SCHEMA)
    if roles - {"migrate"}:
        asyncio.run(_serve(settings, roles - {"migrate"}))
    return 0


async def _reconcile(settings: Settings, limit: int) -> int:
    del limit
    async with open_commands(settings) as commands:
        return _told(tell_rules(await commands.reconcile()))


async def _replay(settings: Settings, limit: int) -> int:
    async with open_commands(settings) as commands:
        return _told(tell_replay(await commands.replay(limit)))


def _told(outcome: tuple[str, bool]) -> int:
    text, holds = outcome
    print(text)
    return 0 if holds else 1


COMMANDS = {"reconcile": _reconcile, "replay": _replay}


async def _serve(settings: Settings, roles: frozenset[str]) -> None:
    async with build(settings, roles) as service:
        await run(service)


if __name__ == "__main__":
    sys.exit(main())
