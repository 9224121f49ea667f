-- name: lock_limited_queue
-- Returns whether the queue has a limit of running jobs, and serializes the claims under it: the next claim counts
-- committed rows.
SELECT l.queue
FROM queues AS l
WHERE l.queue = %(queue)s::text
    AND (l.max_running IS NOT NULL OR EXISTS (SELECT 1 FROM plans AS p WHERE p.max_running_in_all IS NOT NULL))
FOR NO KEY UPDATE OF l;

-- name: claim_jobs
-- Claims the next queued jobs that are not held, as many as the limits of the queue allow, and advances the queue's
-- virtual time. When another claim holds the queue's row, that one advances the time: a claim never waits for a lock.
-- Under a limit it claims nothing unless the queue is locked. The event of a claim is stored here and published with
-- the next change of the job.
WITH queue AS MATERIALIZED (
    SELECT
        l.provider,
        CASE WHEN l.max_running IS NULL THEN %(limit)s::bigint
            ELSE greatest(0, least(%(limit)s::bigint, l.max_running - (
                SELECT count(*) FROM live_jobs AS r WHERE r.queue = %(queue)s::text AND r.status = 'processing')))
        END AS free_slots
    FROM queues AS l
    WHERE l.queue = %(queue)s::text AND l.state <> 'paused'
        AND (%(is_locked)s::boolean OR (l.max_running IS NULL
            AND NOT EXISTS (SELECT 1 FROM plans AS p WHERE p.max_running_in_all IS NOT NULL)))
),
plan_slots AS MATERIALIZED (
    SELECT
        p.id, p.max_running_in_all - (
            SELECT count(*) FROM live_jobs AS r WHERE r.queue = %(queue)s::text AND r.status = 'processing' AND r.plan = p.id
        ) AS free_slots
    FROM plans AS p
    WHERE p.max_running_in_all IS NOT NULL
),
-- The constant LIMIT makes the planner scan the index and keep one plan; the free capacity ends the scan, and with it
-- the locking.
runnable AS MATERIALIZED (
    SELECT n.id, n.plan, n.priority, n.virtual_start
    FROM (
        SELECT j.id, j.plan, j.priority, j.virtual_start
        FROM live_jobs AS j
        WHERE j.queue = %(queue)s::text AND j.status = 'queued' AND j.hold_reason = 'open' AND (SELECT l.free_slots FROM queue AS l) > 0
            -- Inside coalesce the planner estimates half of the rows; without it one in a thousand, and then it sorts.
            AND coalesce(j.plan <> ALL (ARRAY(SELECT p.id FROM plan_slots AS p WHERE p.free_slots <= 0)), true)
            AND coalesce(j.kind = ANY (%(kinds)s::text[]), true)
        ORDER BY j.priority, j.virtual_start, j.id
        LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS n
    LIMIT (SELECT l.free_slots FROM queue AS l)
),
startable AS (
    SELECT r.id
    FROM (
        SELECT n.id, n.plan, row_number() OVER (PARTITION BY n.plan ORDER BY n.priority, n.virtual_start, n.id) AS nth
        FROM runnable AS n
    ) AS r
    LEFT JOIN plan_slots AS p ON p.id = r.plan
    WHERE p.free_slots IS NULL OR r.nth <= p.free_slots
    ORDER BY r.nth
    LIMIT (SELECT l.free_slots FROM queue AS l)
),
claimed AS (
    UPDATE live_jobs AS j
    SET
        status = 'processing', stage = 'starting', progress = 10, sequence = j.sequence + 1, attempt = j.attempt + 1,
        worker = %(worker)s::text, lease_until = now() + make_interval(secs => %(lease_s)s::double precision),
        started_at = coalesce(j.started_at, now()),
        deadline_at = CASE
            WHEN j.started_at IS NULL THEN least(%(deadline_at)s::timestamptz, j.cancel_at) ELSE j.deadline_at END
    WHERE j.id = ANY (ARRAY(SELECT s.id FROM startable AS s))
    RETURNING
        {job_columns of j}, j.virtual_start, j.first_step
),
tried AS (
    INSERT INTO attempts (job_id, attempt, round, worker, model, provider)
    SELECT c.id, c.attempt, c.round, %(worker)s::text, coalesce(c.work ->> 'model', ''), l.provider
    FROM claimed AS c
    CROSS JOIN queue AS l
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, user_id, facts)
    SELECT
        c.id, c.sequence, c.status, c.stage, c.progress,
        coalesce(nullif(c.first_step, ''), 'Starting'), c.user_id,
        jsonb_build_object('attempt', c.attempt, 'started_at', c.started_at, 'deadline_at', c.deadline_at)
    FROM claimed AS c
),
queue_time AS (
    UPDATE queues AS l
    SET virtual_time = c.latest
    FROM (SELECT max(c.virtual_start) AS latest FROM claimed AS c) AS c
    WHERE l.queue = (
            SELECT f.queue FROM queues AS f WHERE f.queue = %(queue)s::text AND c.latest > f.virtual_time
            FOR NO KEY UPDATE SKIP LOCKED)
        AND c.latest > l.virtual_time
)
SELECT
    {job_columns of c}
FROM claimed AS c
ORDER BY c.priority, c.virtual_start, c.id;

-- name: renew_leases
-- Renews live leases and returns which runs must stop; an expired lease is not renewed.
-- Locked in id order, like the statements that write changes of many jobs.
WITH held AS MATERIALIZED (
    SELECT j.id
    FROM unnest(%(ids)s::uuid[], %(attempts)s::integer[]) AS r (id, attempt)
    JOIN live_jobs AS j ON j.id = r.id
    WHERE j.attempt = r.attempt AND j.status = 'processing' AND j.lease_until > now()
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
)
UPDATE live_jobs AS j
SET lease_until = now() + make_interval(secs => %(lease_s)s::double precision)
FROM held AS h
WHERE j.id = h.id
RETURNING j.id, j.stage;

-- name: find_job
-- Reads one job with the columns of a worker.
SELECT
    {job_columns of j}
FROM live_jobs AS j
WHERE j.id = %(id)s::uuid;

-- name: list_steps
-- Durable steps of one round of a job.
SELECT s.step, s.state, s.output, s.call FROM job_steps AS s WHERE s.job_id = %(job_id)s::uuid AND s.round = %(round)s::integer;
