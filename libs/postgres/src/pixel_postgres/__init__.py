"""PostgreSQL for the services: pool, transactions, named queries, migrations, roles."""

from pixel_postgres.errors import COMMIT_UNKNOWN
from pixel_postgres.leadership import leading
from pixel_postgres.migrations import is_current, migrate
from pixel_postgres.pool import Pool, open_pool
from pixel_postgres.provision import provision
from pixel_postgres.queries import Query, execute, execute_many, fetch_all, fetch_one, load_queries

__all__ = [
    "COMMIT_UNKNOWN",
    "Pool",
    "Query",
    "execute",
    "execute_many",
    "fetch_all",
    "fetch_one",
    "is_current",
    "leading",
    "load_queries",
    "migrate",
    "open_pool",
    "provision",
]
