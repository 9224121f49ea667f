"""A queue with a history: finished and waiting jobs of many users, written by the server itself."""

from __future__ import annotations

import psycopg

USERS = 1_000
_SPEC = (
    '{"prompt": "a lighthouse at dawn", "model": "studio-sketch", "number_of_images": 1, "size": "256x256", "seed": 1}'
)
_FINISHED = """
    INSERT INTO generation.live_jobs (
        id, user_id, set_id, queue, work, units, status, stage, progress, sequence, priority, virtual_start,
        attempt, max_retries, scheduled_at, deadline_at, cost_credits, captured_credits, outputs, created_at,
        started_at, ended_at)
    SELECT
        ('00000000-0001-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, lpad(to_hex(n %% %(users)s + 1), 32, '0')::uuid,
        ('00000000-0002-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'sketch', %(work)s::jsonb, 1, 'completed',
        'done', 100, 5, 1, n / %(users)s, 1, 2, t.at, t.at + interval '1 day', 1, 1, '[]', t.at, t.at,
        t.at + interval '1 second'
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    CROSS JOIN LATERAL (SELECT now() - interval '20 days' + n * interval '1 second' AS at) AS t
"""
_WAITING = """
    INSERT INTO generation.live_jobs (
        id, user_id, set_id, queue, work, units, priority, virtual_start, max_retries, scheduled_at, deadline_at,
        cost_credits, created_at)
    SELECT
        ('00000001-0001-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, lpad(to_hex(n %% %(users)s + 1), 32, '0')::uuid,
        ('00000001-0002-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'sketch', %(work)s::jsonb, 1, 1,
        1000000 + n / %(users)s, 2, now(), now() + interval '1 day', 1, now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
_EVENTS = """
    INSERT INTO generation.job_events (job_id, user_id, sequence, status, stage, progress, message)
    SELECT j.id, j.user_id, 1, 'queued', 'waiting', 0, 'Waiting in queue' FROM generation.live_jobs AS j
    ON CONFLICT DO NOTHING
"""


class QueueRows:
    """Grows one table; ids and users are numbered, so that growing twice adds."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._finished = 0
        self._waiting = 0

    async def grow(self, *, finished: int, waiting: int) -> None:
        """Add rows until there are this many of each, and let the planner know."""
        async with await psycopg.AsyncConnection.connect(self._admin_url, autocommit=True) as conn:
            for statement, there, wanted in (
                (_FINISHED, self._finished, finished),
                (_WAITING, self._waiting, waiting),
            ):
                if wanted > there:
                    parameters = {"users": USERS, "work": _SPEC, "first": there + 1, "last": wanted}
                    await conn.execute(statement, parameters)
            await conn.execute(_EVENTS)
            await conn.execute("VACUUM (ANALYZE) generation.live_jobs")
            await conn.execute("VACUUM (ANALYZE) generation.job_events")
        self._finished, self._waiting = max(self._finished, finished), max(self._waiting, waiting)

    async def put_back(self) -> None:
        """Requeue all running jobs, as before their claim."""
        async with await psycopg.AsyncConnection.connect(self._admin_url, autocommit=True) as conn:
            await conn.execute("TRUNCATE generation.attempts, generation.outbox")
            await conn.execute(
                "UPDATE generation.live_jobs SET status = 'queued', stage = 'waiting', progress = 0, sequence = 1,"
                " attempt = 0, worker = '', lease_until = NULL, started_at = NULL WHERE status = 'processing'"
            )
            await conn.execute("DELETE FROM generation.job_events WHERE sequence > 1")
            await conn.execute("UPDATE generation.queues SET virtual_time = 0")
            await conn.execute("VACUUM generation.live_jobs")
            await conn.execute("CHECKPOINT")
