-- name: list_lanes
-- Every lane, or one: its limits, what waits (counted up to a bound), what runs and how many workers serve it.
SELECT
    l.lane, l.provider, l.state, l.max_running, l.max_queued, coalesce(h.state, 'closed') AS health,
    q.queued, b.held_back, r.running, s.workers,
    extract(epoch FROM now() - q.oldest)::double precision AS oldest_wait_s
FROM lanes AS l
LEFT JOIN provider_health AS h ON h.provider = l.provider
CROSS JOIN LATERAL (
    SELECT count(*) AS queued, min(w.scheduled_at) AS oldest
    FROM (
        SELECT j.scheduled_at
        FROM jobs AS j
        WHERE j.lane = l.lane AND j.status = 'queued' AND j.gate = 'open'
        LIMIT %(most)s::integer
    ) AS w
) AS q
CROSS JOIN LATERAL (
    SELECT count(*) AS held_back
    FROM (
        SELECT 1
        FROM jobs AS j
        WHERE j.lane = l.lane AND j.status = 'queued' AND j.gate IN ('scheduled', 'capped')
        LIMIT %(most)s::integer
    ) AS w
) AS b
CROSS JOIN LATERAL (
    SELECT count(*) AS running FROM jobs AS j WHERE j.lane = l.lane AND j.status = 'processing'
) AS r
CROSS JOIN LATERAL (
    SELECT count(*) AS workers
    FROM workers AS w
    WHERE l.lane = ANY (w.lanes) AND w.seen_at > now() - make_interval(secs => %(silence_s)s::double precision)
) AS s
WHERE %(lane)s::text = '' OR l.lane = %(lane)s::text
ORDER BY l.lane;

-- name: measure_latest_jobs
-- Mean wait and median run in seconds of the latest 50 completed jobs of each lane, as far as they ended lately.
SELECT
    avg(extract(epoch FROM r.started_at - r.created_at))::double precision AS average_wait_s,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.ended_at - r.started_at)::double precision)
        AS median_run_s
FROM lanes AS l
CROSS JOIN LATERAL (
    SELECT j.created_at, j.started_at, j.ended_at
    FROM jobs AS j
    WHERE j.lane = l.lane AND j.status = 'completed' AND j.ended_at > now() - interval '1 hour'
    ORDER BY j.ended_at DESC
    LIMIT 50
) AS r;

-- name: update_lane
-- Sets state and limits of a lane and writes down who did it, in one statement.
WITH old AS MATERIALIZED (
    SELECT l.lane, l.state, l.max_running, l.max_queued FROM lanes AS l WHERE l.lane = %(lane)s::text FOR NO KEY UPDATE
),
changed AS (
    UPDATE lanes AS l
    SET
        state = coalesce(nullif(%(state)s::text, ''), l.state),
        max_running = CASE
            WHEN %(max_running)s::integer IS NULL THEN l.max_running
            WHEN %(max_running)s::integer = -1 THEN NULL
            ELSE %(max_running)s::integer END,
        max_queued = coalesce(%(max_queued)s::integer, l.max_queued)
    FROM old AS o
    WHERE l.lane = o.lane
    RETURNING l.lane, l.state, l.max_running, l.max_queued
)
INSERT INTO actions (id, actor, action, metadata)
SELECT
    %(action_id)s::uuid, %(actor)s::text,
    CASE WHEN c.state = o.state THEN 'lane_limited'
        ELSE CASE c.state WHEN 'open' THEN 'lane_opened' WHEN 'paused' THEN 'lane_paused' ELSE 'lane_drained' END END,
    jsonb_build_object(
        'lane', c.lane, 'reason', %(reason)s::text,
        'before', to_jsonb(o) - 'lane', 'after', to_jsonb(c) - 'lane')
FROM changed AS c
JOIN old AS o ON o.lane = c.lane;

-- name: list_failures
-- A page of failed jobs with their runs, newest first, found among the next failures up to a bound.
SELECT
    f.id, f.user_id, f.job_type, f.spec, f.failure, f.ended_at, f.cost_credits,
    coalesce((
        SELECT jsonb_agg(to_jsonb(a) - 'job_id' - 'worker' ORDER BY a.attempt) FROM attempts AS a WHERE a.job_id = f.id
    ), '[]') AS attempts
FROM (
    SELECT w.id, w.user_id, w.job_type, w.spec, w.failure, w.ended_at, w.cost_credits
    FROM (
        SELECT j.id, j.user_id, j.job_type, j.spec, j.failure, j.ended_at, j.cost_credits
        FROM all_jobs AS j
        WHERE j.status = 'failed'
            AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at <= %(before_at)s::timestamptz
            AND (j.ended_at < %(before_at)s::timestamptz OR j.id > %(before_id)s::uuid)
        ORDER BY j.ended_at DESC, j.id
        LIMIT %(window)s::integer
    ) AS w
    WHERE (%(failure_code)s::text = '' OR w.failure ->> 'code' = %(failure_code)s::text)
        AND (%(model)s::text = '' OR w.spec ->> 'model' = %(model)s::text)
        AND (%(user_id)s::uuid IS NULL OR w.user_id = %(user_id)s::uuid)
        AND (%(job_type)s::text IS NULL OR w.job_type = %(job_type)s::text)
        AND (%(job_id)s::uuid IS NULL OR w.id = %(job_id)s::uuid)
    ORDER BY w.ended_at DESC, w.id
    LIMIT %(limit)s::integer
) AS f
ORDER BY f.ended_at DESC, f.id;

-- name: find_end_of_failure_window
-- The last failure that a page could have looked at, when there are more behind it.
SELECT j.id, j.ended_at
FROM all_jobs AS j
WHERE j.status = 'failed'
    AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at <= %(before_at)s::timestamptz
    AND (j.ended_at < %(before_at)s::timestamptz OR j.id > %(before_id)s::uuid)
ORDER BY j.ended_at DESC, j.id
OFFSET %(window)s::integer - 1
LIMIT 1;

-- name: get_failure
-- One failed job with its runs.
SELECT
    j.id, j.user_id, j.job_type, j.spec, j.failure, j.ended_at, j.cost_credits,
    coalesce((
        SELECT jsonb_agg(to_jsonb(a) - 'job_id' - 'worker' ORDER BY a.attempt) FROM attempts AS a WHERE a.job_id = j.id
    ), '[]') AS attempts
FROM all_jobs AS j
WHERE j.id = %(job_id)s::uuid AND j.status = 'failed';

-- name: count_failures_by_code
-- Failures of a filter by code, among the newest up to a bound.
SELECT w.failure ->> 'code' AS code, count(*) AS failures
FROM (
    SELECT j.id, j.user_id, j.job_type, j.spec, j.failure
    FROM all_jobs AS j
    WHERE j.status = 'failed'
        AND j.ended_at >= %(ended_after)s::timestamptz AND j.ended_at < %(ended_before)s::timestamptz
    ORDER BY j.ended_at DESC, j.id
    LIMIT %(window)s::integer
) AS w
WHERE (%(failure_code)s::text = '' OR w.failure ->> 'code' = %(failure_code)s::text)
    AND (%(model)s::text = '' OR w.spec ->> 'model' = %(model)s::text)
    AND (%(user_id)s::uuid IS NULL OR w.user_id = %(user_id)s::uuid)
    AND (%(job_type)s::text IS NULL OR w.job_type = %(job_type)s::text)
    AND (%(job_id)s::uuid IS NULL OR w.id = %(job_id)s::uuid)
GROUP BY w.failure ->> 'code';

-- name: list_actions
-- A page of what people did, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: list_actions_about_user
-- A page of what people did about one user, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.user_id = %(user_id)s::uuid AND a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: list_actions_about_job
-- A page of what people did about one job, newest first.
SELECT a.id, a.actor, a.action, a.user_id, a.job_id, a.metadata, a.created_at
FROM actions AS a
WHERE a.job_id = %(job_id)s::uuid AND (%(user_id)s::uuid IS NULL OR a.user_id = %(user_id)s::uuid)
    AND a.id < %(before)s::uuid
ORDER BY a.id DESC
LIMIT %(limit)s::integer;

-- name: record_action
-- Writes down what a person did.
INSERT INTO actions (id, actor, action, user_id, job_id, metadata)
VALUES (
    %(id)s::uuid, %(actor)s::text, %(action)s::text, %(user_id)s::uuid, %(job_id)s::uuid, %(metadata)s::jsonb);
