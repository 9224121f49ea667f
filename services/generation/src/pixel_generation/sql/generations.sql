-- name: get_generations
-- Some generations of one user, each with the number of jobs ahead of it, counted up to 1,000.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at, a.ahead
FROM jobs AS j
CROSS JOIN LATERAL (
    SELECT count(*) AS ahead
    FROM (
        SELECT 1
        FROM jobs AS q
        WHERE j.status = 'queued' AND q.status = 'queued' AND q.lane = j.lane
            AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
        LIMIT 1000
    ) AS earlier
) AS a
WHERE j.id = ANY (%(ids)s::uuid[]) AND j.user_id = %(user_id)s::uuid;

-- name: list_generations
-- A page of one user's generations, newest first.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at, a.ahead
FROM jobs AS j
CROSS JOIN LATERAL (
    SELECT count(*) AS ahead
    FROM (
        SELECT 1
        FROM jobs AS q
        WHERE j.status = 'queued' AND q.status = 'queued' AND q.lane = j.lane
            AND (q.priority, q.virtual_start, q.id) < (j.priority, j.virtual_start, j.id)
        LIMIT 1000
    ) AS earlier
) AS a
WHERE j.user_id = %(user_id)s::uuid
    AND (%(before)s::uuid IS NULL OR j.id < %(before)s::uuid)
    AND (%(status)s::text IS NULL OR j.status = %(status)s::text)
    AND (%(key)s::text = '' OR j.id IN (
        SELECT s.job_id FROM submissions AS s WHERE s.user_id = %(user_id)s::uuid AND s.key = %(key)s::text))
ORDER BY j.id DESC
LIMIT %(limit)s::integer;

-- name: measure_lane
-- What waits (up to 1,000) and runs in a lane, and how long its latest 50 jobs took in seconds.
SELECT
    (SELECT count(*) FROM (
        SELECT 1 FROM jobs AS j WHERE j.lane = %(lane)s::text AND j.status = 'queued' LIMIT 1000) AS q) AS queued,
    (SELECT count(*) FROM jobs AS j WHERE j.lane = %(lane)s::text AND j.status = 'processing') AS running,
    ARRAY(
        SELECT extract(epoch FROM r.ended_at - r.started_at)::double precision
        FROM (
            SELECT j.ended_at, j.started_at
            FROM jobs AS j
            WHERE j.lane = %(lane)s::text AND j.status = 'completed'
            ORDER BY j.ended_at DESC
            LIMIT 50
        ) AS r
    ) AS durations_s;
