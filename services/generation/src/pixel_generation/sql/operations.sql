-- name: list_queues
-- All queues, or one: limits, queued jobs (counted up to a limit), running jobs and the number of workers.
SELECT
    l.queue, l.provider, l.state, l.max_running, l.max_queued, coalesce(h.state, 'closed') AS health,
    q.queued, b.held_back, r.running, s.workers,
    extract(epoch FROM now() - q.oldest)::double precision AS oldest_wait_s
FROM queues AS l
LEFT JOIN provider_health AS h ON h.provider = l.provider
CROSS JOIN LATERAL (
    SELECT count(*) AS queued, min(w.scheduled_at) AS oldest
    FROM (
        SELECT j.scheduled_at
        FROM live_jobs AS j
        WHERE j.queue = l.queue AND j.status = 'queued' AND j.hold_reason = 'open'
        LIMIT %(most)s::integer
    ) AS w
) AS q
CROSS JOIN LATERAL (
    SELECT count(*) AS held_back
    FROM (
        SELECT 1
        FROM live_jobs AS j
        WHERE j.queue = l.queue AND j.status = 'queued' AND j.hold_reason IN ('scheduled', 'capped')
        LIMIT %(most)s::integer
    ) AS w
) AS b
CROSS JOIN LATERAL (
    SELECT count(*) AS running FROM live_jobs AS j WHERE j.queue = l.queue AND j.status = 'processing'
) AS r
CROSS JOIN LATERAL (
    SELECT count(*) AS workers
    FROM worker_presence AS w
    WHERE l.queue = ANY (w.queues) AND w.seen_at > now() - make_interval(secs => %(silence_s)s::double precision)
) AS s
WHERE %(queue)s::text = '' OR l.queue = %(queue)s::text
ORDER BY l.queue;

-- name: measure_latest_jobs
-- Mean wait and median run time in seconds of the latest 50 completed jobs of each queue that ended recently.
SELECT
    avg(extract(epoch FROM r.started_at - r.created_at))::double precision AS average_wait_s,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.ended_at - r.started_at)::double precision)
        AS median_run_s
FROM queues AS l
CROSS JOIN LATERAL (
    SELECT j.created_at, j.started_at, j.ended_at
    FROM live_jobs AS j
    WHERE j.queue = l.queue AND j.status = 'completed' AND j.ended_at > now() - interval '1 hour'
    ORDER BY j.ended_at DESC
    LIMIT 50
) AS r;

-- name: update_queue
-- Sets state and limits of a queue and records the action, in one statement.
WITH old AS MATERIALIZED (
    SELECT l.queue, l.state, l.max_running, l.max_queued FROM queues AS l WHERE l.queue = %(queue)s::text FOR NO KEY UPDATE
),
changed AS (
    UPDATE queues AS l
    SET
        state = coalesce(nullif(%(state)s::text, ''), l.state),
        max_running = CASE
            WHEN %(max_running)s::integer IS NULL THEN l.max_running
            WHEN %(max_running)s::integer = -1 THEN NULL
            ELSE %(max_running)s::integer END,
        max_queued = coalesce(%(max_queued)s::integer, l.max_queued)
    FROM old AS o
    WHERE l.queue = o.queue
    RETURNING l.queue, l.state, l.max_running, l.max_queued
)
INSERT INTO actions (id, actor, action, metadata)
SELECT
    %(action_id)s::uuid, %(actor)s::text,
    CASE WHEN c.state = o.state THEN 'queue_limited'
        ELSE CASE c.state WHEN 'open' THEN 'queue_opened' WHEN 'paused' THEN 'queue_paused' ELSE 'queue_drained' END END,
    jsonb_build_object(
        'queue', c.queue, 'reason', %(reason)s::text,
        'before', to_jsonb(o) - 'queue', 'after', to_jsonb(c) - 'queue')
FROM changed AS c
JOIN old AS o ON o.queue = c.queue;

-- name: list_failures
-- A page of failed jobs with their runs, newest first, filtered from a bounded window.
SELECT
    f.id, f.user_id, f.kind, f.work, f.failure, f.ended_at, f.cost_credits,
    coalesce((
        SELECT jsonb_agg(to_jsonb(a) - 'job_id' - 'worker' ORDER BY a.attempt) FROM attempts AS a WHERE a.job_id = f.id
    ), '[]') AS attempts
FROM (
    SELECT w.id, w.user_id, w.kind, w.work, w.failure, w.ended_at, w.cost_credits
    FROM (
        SELECT j.id, j.user_id, j.kind, j.work, j.failure, j.ended_at, j.cost_credits
        FROM stored_jobs AS j
        WHERE j.status = 'failed'
            AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at <= %(before_at)s::timestamptz
            AND (j.ended_at < %(before_at)s::timestamptz OR j.id > %(before_id)s::uuid)
        ORDER BY j.ended_at DESC, j.id
        LIMIT %(window)s::integer
    ) AS w
    WHERE (%(failure_code)s::text = '' OR w.failure ->> 'code' = %(failure_code)s::text)
        AND (%(model)s::text = '' OR w.work ->> 'model' = %(model)s::text)
        AND (%(user_id)s::uuid IS NULL OR w.user_id = %(user_id)s::uuid)
        AND (%(kind)s::text IS NULL OR w.kind = %(kind)s::text)
        AND (%(job_id)s::uuid IS NULL OR w.id = %(job_id)s::uuid)
    ORDER BY w.ended_at DESC, w.id
    LIMIT %(limit)s::integer
) AS f
ORDER BY f.ended_at DESC, f.id;

-- name: find_end_of_failure_window
-- The last failure in the window of a page, when there are more after it.
SELECT j.id, j.ended_at
FROM stored_jobs AS j
WHERE j.status = 'failed'
    AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at <= %(before_at)s::timestamptz
    AND (j.ended_at < %(before_at)s::timestamptz OR j.id > %(before_id)s::uuid)
ORDER BY j.ended_at DESC, j.id
OFFSET %(window)s::integer - 1
LIMIT 1;

-- name: get_failure
-- One failed job with its runs.
SELECT
    j.id, j.user_id, j.kind, j.work, j.failure, j.ended_at, j.cost_credits,
    coalesce((
        SELECT jsonb_agg(to_jsonb(a) - 'job_id' - 'worker' ORDER BY a.attempt) FROM attempts AS a WHERE a.job_id = j.id
    ), '[]') AS attempts
FROM stored_jobs AS j
WHERE j.id = %(job_id)s::uuid AND j.status = 'failed';

-- name: count_failures_by_code
-- Failures by code for a filter, among the newest up to a limit.
SELECT w.failure ->> 'code' AS code, count(*) AS failures
FROM (
    SELECT j.id, j.user_id, j.kind, j.work, j.failure
    FROM stored_jobs AS j
    WHERE j.status = 'failed'
        AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at < %(ended_before)s::timestamptz
    ORDER BY j.ended_at DESC, j.id
    LIMIT %(window)s::integer
) AS w
WHERE (%(failure_code)s::text = '' OR w.failure ->> 'code' = %(failure_code)s::text)
    AND (%(model)s::text = '' OR w.work ->> 'model' = %(model)s::text)
    AND (%(user_id)s::uuid IS NULL OR w.user_id = %(user_id)s::uuid)
    AND (%(kind)s::text IS NULL OR w.kind = %(kind)s::text)
    AND (%(job_id)s::uuid IS NULL OR w.id = %(job_id)s::uuid)
GROUP BY w.failure ->> 'code';

-- name: list_actions
-- A page of actions, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: list_actions_about_user
-- A page of actions on one user, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.user_id = %(user_id)s::uuid AND a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: list_actions_about_job
-- A page of actions on one job, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.job_id = %(job_id)s::uuid AND (%(user_id)s::uuid IS NULL OR a.user_id = %(user_id)s::uuid)
    AND a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: record_action
-- Records an action of a person.
INSERT INTO actions (id, actor, action, user_id, job_id, metadata)
VALUES (
    %(id)s::uuid, %(actor)s::text, %(action)s::text, %(user_id)s::uuid, %(job_id)s::uuid, %(metadata)s::jsonb);
