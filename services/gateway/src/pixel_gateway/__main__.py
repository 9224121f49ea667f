"""`python -m pixel_gateway ROLE …`: run one or more roles in this process."""

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

from pixel_gateway.main import ALL_ROLES, SCHEMA, build
from pixel_gateway.settings import Settings


def main() -> int:
    """Run the roles until SIGTERM; 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m pixel_gateway",
        description="Public HTTP API, accounts and keys.",
        epilog="Clients that reach it by a name (not by loopback or its own IP address) need PIXEL_PUBLIC_URL or "
        "PIXEL_ALLOWED_HOSTS=name,name (* allows any); other Host fields are refused.",
    )
    parser.add_argument("roles", nargs="+", choices=[*sorted(ALL_ROLES), "migrate"], help="what this process does")
    parser.add_argument("--config", type=Path, help="TOML file with settings; the environment overrides it")
    arguments = parser.parse_args()
    try:
        settings = load_settings(Settings, environ=os.environ, file=arguments.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    pixel_telemetry.setup("gateway", log_level=settings.log_level, otlp_endpoint=settings.otlp_endpoint)
    roles = frozenset(arguments.roles)
    if "migrate" in roles:
        migrate(settings.migrate_url or settings.database_url, package="pixel_gateway", schema=SCHEMA)
    if roles - {"migrate"}:
        asyncio.run(_serve(settings, roles - {"migrate"}))
    return 0


async def _serve(settings: Settings, roles: frozenset[str]) -> None:
    async with build(settings, roles) as service:
        await run(service)


if __name__ == "__main__":
    sys.exit(main())
