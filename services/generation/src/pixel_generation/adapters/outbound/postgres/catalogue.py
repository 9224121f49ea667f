"""The catalogue in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_postgres import Pool, fetch_all, load_queries

from pixel_generation.domain.catalogue.catalogue import Catalogue, Model, Price, Size
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.providers.breaker import BreakerState

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE = load_queries("pixel_generation.sql", "catalogue.sql")


class PostgresCatalogue:
    """Reads the enabled models; `providers` has the capabilities of the configured providers."""

    def __init__(self, pool: Pool, *, default: str, providers: Mapping[str, frozenset[str]]) -> None:
        self._pool = pool
        self._default = default
        self._providers = providers

    async def current(self) -> Catalogue:
        async with self._pool.autocommit() as conn:
            rows = await fetch_all(conn, CATALOGUE["list_models"])
        return Catalogue(
            [_model(row) for row in rows],
            default=self._default,
            providers=self._providers,
            queue_states={row["queue"]: QueueState(row["queue_state"]) for row in rows},
            health={row["provider"]: BreakerState(row["health"]) for row in rows},
            spent=frozenset(row["provider"] for row in rows if row["is_spent"]),
        )


def _model(row: Mapping[str, Any]) -> Model:
    prices = tuple(Price(model=row["id"], **rule) for rule in row["prices"])
    return Model(
        id=row["id"],
        provider=row["provider"],
        provider_model=row["provider_model"],
        display_name=row["display_name"],
        queue=row["queue"],
        credits_per_unit=min((price.credits_per_unit for price in prices), default=row["credits_per_unit"]),
        ratios={ratio: Size.parse(size) for ratio, size in row["ratios"].items()},
        extra_sizes=tuple(map(Size.parse, row["extra_sizes"])),
        styles=tuple(row["styles"]),
        qualities=tuple(row["qualities"]),
        parameters={name: tuple(words) for name, words in row["parameters"].items()},
        aliases=tuple(row["aliases"]),
        max_units=row["max_units"],
        typical_seconds=row["typical_seconds"],
        takes_seed=row["takes_seed"],
        capabilities=frozenset(row["capabilities"]),
        prices=prices,
    )
