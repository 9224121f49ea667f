-- name: read_queue_snapshot
-- The queued jobs of a queue in start order, up to a limit, the running jobs, and the latest run times.
WITH waiting AS MATERIALIZED (
    SELECT j.user_id, j.priority, j.virtual_start, j.id
    FROM live_jobs AS j
    WHERE j.queue = %(queue)s::text AND j.status = 'queued' AND j.hold_reason = 'open'
    ORDER BY j.priority, j.virtual_start, j.id
    LIMIT %(limit)s::integer
),
share AS MATERIALIZED (
    SELECT s.user_id, s.virtual_finish, p.weight
    FROM (
        SELECT w.user_id FROM waiting AS w
        UNION
        SELECT j.user_id FROM live_jobs AS j WHERE j.queue = %(queue)s::text AND j.status = 'processing'
    ) AS u
    JOIN queue_shares AS s ON s.queue = %(queue)s::text AND s.user_id = u.user_id
    JOIN accounts AS c ON c.user_id = u.user_id
    JOIN plans AS p ON p.id = c.plan
),
latest AS MATERIALIZED (
    SELECT extract(epoch FROM j.ended_at - j.started_at)::double precision AS seconds, j.units
    FROM live_jobs AS j
    WHERE j.queue = %(queue)s::text AND j.status = 'completed'
    ORDER BY j.ended_at DESC
    LIMIT 50
)
SELECT
    l.virtual_time,
    ARRAY(SELECT w.priority FROM waiting AS w ORDER BY w.priority, w.virtual_start, w.id) AS priorities,
    ARRAY(SELECT w.virtual_start FROM waiting AS w ORDER BY w.priority, w.virtual_start, w.id) AS tags,
    ARRAY(SELECT s.user_id FROM share AS s ORDER BY s.user_id) AS user_ids,
    ARRAY(SELECT s.virtual_finish FROM share AS s ORDER BY s.user_id) AS finishes,
    ARRAY(SELECT s.weight FROM share AS s ORDER BY s.user_id) AS weights,
    ARRAY(SELECT r.seconds FROM latest AS r ORDER BY r.seconds, r.units) AS run_seconds,
    ARRAY(SELECT r.units FROM latest AS r ORDER BY r.seconds, r.units) AS run_units,
    (SELECT count(*) FROM live_jobs AS j WHERE j.queue = l.queue AND j.status = 'processing') AS running
FROM queues AS l
WHERE l.queue = %(queue)s::text;
