-- name: get_generations
-- Generations of one user by id, each with the number of jobs ahead of it: those of its queue that are not held and,
-- when its user has no free concurrency slot, the user's own held jobs; each counted up to 1,000. The position reason
-- says that jobs accepted later are ahead (ids grow with time).
SELECT
    {job_columns of j}, a.ahead, a.position_reason, coalesce(l.state, 'open') AS queue_state
FROM stored_jobs AS j
CROSS JOIN LATERAL (
    SELECT
        count(*) + (SELECT count(*) FROM (
            SELECT 1
            FROM live_jobs AS q
            WHERE j.status = 'queued' AND j.hold_reason = 'capped' AND q.status = 'queued' AND q.user_id = j.user_id
                AND q.hold_reason = 'capped' AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
            LIMIT 1000) AS own
        ) AS ahead,
        CASE WHEN bool_or(e.priority < j.priority) THEN 'priority'
            WHEN bool_or(e.id > j.id) THEN 'fair_share' END AS position_reason
    FROM (
        SELECT q.priority, q.id
        FROM live_jobs AS q
        WHERE j.status = 'queued' AND q.status = 'queued' AND q.queue = j.queue AND q.hold_reason = 'open'
            AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
        LIMIT 1000
    ) AS e
) AS a
LEFT JOIN queues AS l ON l.queue = j.queue
WHERE j.id = ANY (%(ids)s::uuid[]) AND j.user_id = %(user_id)s::uuid;

-- name: list_generations
-- A page of one user's generations, newest first, filtered from a bounded window. Ids grow with time, so a range of ids
-- bounds the scan before created_at is compared.
SELECT
    {job_columns of j}, a.ahead, a.position_reason, coalesce(l.state, 'open') AS queue_state
FROM (
    SELECT {job_columns of w}, w.virtual_start
    FROM (
        SELECT {job_columns of n}, n.virtual_start
        FROM stored_jobs AS n
        WHERE n.user_id = %(user_id)s::uuid AND n.id < %(before)s::uuid AND n.id >= %(first_id)s::uuid
        ORDER BY n.id DESC
        LIMIT %(window)s::integer
    ) AS w
    WHERE (%(status)s::text IS NULL OR w.status = %(status)s::text)
        AND (%(model)s::text = '' OR w.work ->> 'model' = %(model)s::text)
        AND (%(kind)s::text IS NULL OR w.kind = %(kind)s::text)
        AND (%(failure_code)s::text = '' OR w.failure ->> 'code' = %(failure_code)s::text)
        AND (%(created_after)s::timestamptz IS NULL OR w.created_at >= %(created_after)s::timestamptz)
        AND (%(created_before)s::timestamptz IS NULL OR w.created_at < %(created_before)s::timestamptz)
    ORDER BY w.id DESC
    LIMIT %(limit)s::integer
) AS j
CROSS JOIN LATERAL (
    SELECT
        count(*) + (SELECT count(*) FROM (
            SELECT 1
            FROM live_jobs AS q
            WHERE j.status = 'queued' AND j.hold_reason = 'capped' AND q.status = 'queued' AND q.user_id = j.user_id
                AND q.hold_reason = 'capped' AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
            LIMIT 1000) AS own
        ) AS ahead,
        CASE WHEN bool_or(e.priority < j.priority) THEN 'priority'
            WHEN bool_or(e.id > j.id) THEN 'fair_share' END AS position_reason
    FROM (
        SELECT q.priority, q.id
        FROM live_jobs AS q
        WHERE j.status = 'queued' AND q.status = 'queued' AND q.queue = j.queue AND q.hold_reason = 'open'
            AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
        LIMIT 1000
    ) AS e
) AS a
LEFT JOIN queues AS l ON l.queue = j.queue
ORDER BY j.id DESC;

-- name: find_end_of_generation_window
-- The last generation in the window of a page, when there are more after it.
SELECT n.id
FROM stored_jobs AS n
WHERE n.user_id = %(user_id)s::uuid AND n.id < %(before)s::uuid AND n.id >= %(first_id)s::uuid
ORDER BY n.id DESC
OFFSET %(window)s::integer - 1
LIMIT 1;

-- name: list_generations_of_key
-- The user's submissions with one idempotency key, of any operation, newest first.
SELECT
    {job_columns of j}, a.ahead, a.position_reason, coalesce(l.state, 'open') AS queue_state
FROM stored_jobs AS j
CROSS JOIN LATERAL (
    SELECT
        count(*) + (SELECT count(*) FROM (
            SELECT 1
            FROM live_jobs AS q
            WHERE j.status = 'queued' AND j.hold_reason = 'capped' AND q.status = 'queued' AND q.user_id = j.user_id
                AND q.hold_reason = 'capped' AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
            LIMIT 1000) AS own
        ) AS ahead,
        CASE WHEN bool_or(e.priority < j.priority) THEN 'priority'
            WHEN bool_or(e.id > j.id) THEN 'fair_share' END AS position_reason
    FROM (
        SELECT q.priority, q.id
        FROM live_jobs AS q
        WHERE j.status = 'queued' AND q.status = 'queued' AND q.queue = j.queue AND q.hold_reason = 'open'
            AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
        LIMIT 1000
    ) AS e
) AS a
LEFT JOIN queues AS l ON l.queue = j.queue
WHERE j.user_id = %(user_id)s::uuid AND j.id < %(before)s::uuid
    AND j.id = ANY (ARRAY(
        SELECT s.job_id FROM submissions AS s WHERE s.user_id = %(user_id)s::uuid AND s.key = %(key)s::text))
    AND (%(status)s::text IS NULL OR j.status = %(status)s::text)
ORDER BY j.id DESC
LIMIT %(limit)s::integer;

-- name: list_events
-- Stored events of one generation of the user, oldest first.
SELECT e.sequence, e.status, e.stage, e.progress, e.message, e.failure, e.created_at, j.set_id
FROM stored_jobs AS j
JOIN job_events AS e ON e.job_id = j.id
WHERE j.id = %(id)s::uuid AND j.user_id = %(user_id)s::uuid AND e.sequence > %(after)s::bigint
ORDER BY e.sequence
LIMIT %(limit)s::integer;

-- name: list_user_events
-- Events of all jobs of the user after a position, in commit order. Only transactions below the oldest running one are
-- read, so no event can commit before an issued position.
WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid)
SELECT
    h.xid::text AS horizon, %(xid)s::text::xid8 <= h.xid AND (%(sequence)s::bigint = 0 OR EXISTS (
        SELECT 1
        FROM job_events AS k
        WHERE k.user_id = %(user_id)s::uuid AND k.xid = %(xid)s::text::xid8 AND k.job_id = %(job_id)s::uuid
            AND k.sequence = %(sequence)s::bigint
    )) AS known,
    n.xid::text AS xid, n.job_id, n.sequence, n.status, n.stage, n.progress, n.message, n.failure, n.created_at, n.set_id
FROM horizon AS h
LEFT JOIN LATERAL (
    SELECT e.xid, e.job_id, e.sequence, e.status, e.stage, e.progress, e.message, e.failure, e.created_at, j.set_id
    FROM job_events AS e
    JOIN stored_jobs AS j ON j.id = e.job_id
    WHERE e.user_id = %(user_id)s::uuid AND e.xid < h.xid
        AND (e.xid, e.job_id, e.sequence) > (%(xid)s::text::xid8, %(job_id)s::uuid, %(sequence)s::bigint)
    ORDER BY e.xid, e.job_id, e.sequence
    LIMIT %(limit)s::integer
) AS n ON true
ORDER BY n.xid, n.job_id, n.sequence;
