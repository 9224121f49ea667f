"""Metrics of the database client."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

SLOW_QUERIES = Counter("pixel_slow_queries", "Queries that took longer than a second.", ["query"])
POOL_IN_USE = Gauge("pixel_postgres_pool_in_use", "Connections handed out by the pool.", ["schema"])
POOL_REFUSED = Counter(
    "pixel_postgres_pool_refused",
    "Requests that got no connection: the queue was full or the wait too long.",
    ["schema"],
)
_QUERY_SECONDS = Histogram(
    "pixel_postgres_query_seconds",
    "Time from sending a query to its result, by the query's name.",
    ["query"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)


@cache
def query_seconds(query: str) -> Histogram:
    """Return the histogram of one query; names come from the .sql files, so their number is bounded."""
    return _QUERY_SECONDS.labels(query)
