"""The breakers of the providers in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, fetch_one, load_queries

from pixel_generation.domain.providers.breaker import BreakerPolicy, BreakerState, ProviderHealth

if TYPE_CHECKING:
    from collections.abc import Mapping

HEALTH = load_queries("pixel_generation.sql", "provider_health.sql")


class PostgresProviderHealth:
    """One row per provider; the row lock serializes the reports of workers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self) -> dict[str, ProviderHealth]:
        async with self._pool.autocommit() as conn:
            return {row["provider"]: _health(row) for row in await fetch_all(conn, HEALTH["list_provider_health"])}

    async def failed(
        self, provider: str, *, policy: BreakerPolicy, draw: float, trip: bool, is_probe: bool
    ) -> ProviderHealth:
        counting = {
            "provider": provider,
            "max_failures": policy.max_failures,
            "trip": trip,
            "is_probe": is_probe,
        }
        opening = {
            "provider": provider,
            "max_failures": policy.max_failures,
            "first_open_s": policy.first_open_s,
            "max_open_s": policy.max_open_s,
            "draw": draw,
        }
        async with self._pool.transaction() as conn:
            row = await fetch_one(conn, HEALTH["fail_provider"], counting)
            if row is not None and row["opens"]:
                row = await fetch_one(conn, HEALTH["open_provider"], opening) or row
        return _health(row)

    async def succeeded(self, provider: str, *, is_probe: bool) -> ProviderHealth:
        parameters = {"provider": provider, "is_probe": is_probe}
        async with self._pool.autocommit() as conn:
            row = await fetch_one(conn, HEALTH["succeed_provider"], parameters)
            return _health(row or await fetch_one(conn, HEALTH["get_provider_health"], {"provider": provider}))

    async def take_probe(self, provider: str, *, policy: BreakerPolicy) -> bool:
        parameters = {"provider": provider, "probe_s": policy.probe_s}
        async with self._pool.autocommit() as conn:
            return await fetch_one(conn, HEALTH["take_provider_probe"], parameters) is not None


def _health(row: Mapping[str, Any] | None) -> ProviderHealth:
    if row is None:
        return ProviderHealth()
    return ProviderHealth(BreakerState(row["state"]), row["failures"], row["open_until"])
