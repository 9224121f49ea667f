-- name: claim_jobs
-- Starts runs of the next runnable jobs of a lane and moves the lane's virtual time.
WITH runnable AS MATERIALIZED (
    SELECT j.id
    FROM jobs AS j
    WHERE j.lane = %(lane)s::text AND j.status = 'queued' AND j.scheduled_at <= now()
    ORDER BY j.priority, j.virtual_start, j.id
    LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
),
claimed AS (
    UPDATE jobs AS j
    SET
        status = 'processing', stage = 'starting', progress = 10, sequence = j.sequence + 1, attempt = j.attempt + 1,
        worker = %(worker)s::text, lease_until = now() + make_interval(secs => %(lease_s)s::double precision),
        started_at = coalesce(j.started_at, now()),
        deadline_at = CASE WHEN j.attempt = 0 THEN %(deadline_at)s::timestamptz ELSE j.deadline_at END
    FROM runnable AS r
    WHERE j.id = r.id
    RETURNING
        j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
        j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
        j.started_at, j.ended_at, j.deadline_at, j.priority, j.virtual_start
),
tried AS (
    INSERT INTO attempts (job_id, attempt, worker, model)
    SELECT c.id, c.attempt, %(worker)s::text, c.spec ->> 'model' FROM claimed AS c
),
lane_clock AS (
    UPDATE lanes AS l
    SET virtual_time = c.latest
    FROM (SELECT max(c.virtual_start) AS latest FROM claimed AS c) AS c
    WHERE l.lane = %(lane)s::text AND c.latest > l.virtual_time
)
SELECT
    c.id, c.user_id, c.set_id, c.spec, c.lane, c.cost_credits, c.captured_credits, c.status, c.stage, c.progress,
    c.sequence, c.attempt, c.retry_count, c.max_retries, c.images, c.failure, c.trace, c.created_at, c.scheduled_at,
    c.started_at, c.ended_at, c.deadline_at
FROM claimed AS c
ORDER BY c.priority, c.virtual_start, c.id;

-- name: advance_job
-- Writes a change that does not end the job, if the job is still as its writer knew it.
WITH advanced AS (
    UPDATE jobs AS j
    SET
        status = %(status)s::text, stage = %(stage)s::text, progress = %(progress)s::smallint,
        sequence = %(sequence)s::bigint, retry_count = %(retry_count)s::integer, images = %(images)s::jsonb,
        scheduled_at = %(scheduled_at)s::timestamptz,
        lease_until = CASE WHEN %(status)s::text = 'processing' THEN j.lease_until END,
        worker = CASE WHEN %(status)s::text = 'processing' THEN j.worker ELSE '' END
    WHERE j.id = %(id)s::uuid AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer
        AND j.sequence = %(sequence)s::bigint - 1
        AND CASE %(holder)s::text
            WHEN 'worker' THEN j.lease_until > now() WHEN 'heir' THEN j.lease_until <= now() ELSE true END
    RETURNING j.id, j.attempt
),
called AS (
    UPDATE attempts AS t
    SET
        state = %(attempt_state)s::text, outcome = coalesce(%(outcome)s::text, t.outcome),
        provider_request_id = %(provider_request_id)s::text, cost_usd_micros = %(cost_usd_micros)s::bigint,
        failure_code = %(failure_code)s::text, submitted_at = coalesce(t.submitted_at, now()),
        ended_at = CASE WHEN %(status)s::text = 'queued' THEN now() END
    FROM advanced AS a
    WHERE t.job_id = a.id AND t.attempt = a.attempt
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message)
    SELECT a.id, %(sequence)s::bigint, %(status)s::text, %(stage)s::text, %(progress)s::smallint, %(message)s::text
    FROM advanced AS a
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, o.value, o.headers
    FROM unnest(
        %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
        %(headers)s::jsonb[]
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, place)
    CROSS JOIN advanced AS a
    ORDER BY o.place
)
SELECT pg_notify(current_schema() || '_outbox', '')::text AS notified FROM advanced;

-- name: end_job
-- Ends a job and settles its hold: captures what was delivered, releases the rest.
WITH ended AS (
    UPDATE jobs AS j
    SET
        status = %(status)s::text, stage = 'done', progress = %(progress)s::smallint, sequence = %(sequence)s::bigint,
        images = %(images)s::jsonb, failure = %(failure)s::jsonb, captured_credits = %(captured)s::bigint,
        ended_at = %(ended_at)s::timestamptz, lease_until = NULL, worker = ''
    WHERE j.id = %(id)s::uuid AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer
        AND j.sequence = %(sequence)s::bigint - 1
        AND CASE %(holder)s::text
            WHEN 'worker' THEN j.lease_until > now() WHEN 'heir' THEN j.lease_until <= now() ELSE true END
    RETURNING j.id, j.attempt, j.user_id, j.cost_credits, j.captured_credits AS captured
),
called AS (
    UPDATE attempts AS t
    SET
        state = %(attempt_state)s::text, outcome = coalesce(%(outcome)s::text, t.outcome),
        provider_request_id = %(provider_request_id)s::text, cost_usd_micros = %(cost_usd_micros)s::bigint,
        failure_code = %(failure_code)s::text, ended_at = now()
    FROM ended AS e
    WHERE t.job_id = e.id AND t.attempt = e.attempt
),
settlement AS MATERIALIZED (
    SELECT s.transfer_id, s.kind, s.account, s.account_user_id, s.credits, e.id AS job_id, e.user_id
    FROM ended AS e
    CROSS JOIN LATERAL (VALUES
        (%(capture_id)s::uuid, 'capture', 'platform_revenue', NULL::uuid, e.captured),
        (%(release_id)s::uuid, 'release', 'user_available', e.user_id, e.cost_credits - e.captured)
    ) AS s (transfer_id, kind, account, account_user_id, credits)
    WHERE s.credits > 0
),
transfer AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id)
    SELECT s.transfer_id, s.kind, s.user_id, s.job_id FROM settlement AS s
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT s.transfer_id, 1::smallint, 'user_held', s.user_id, -s.credits FROM settlement AS s
    UNION ALL
    SELECT s.transfer_id, 2::smallint, s.account, s.account_user_id, s.credits FROM settlement AS s
),
balance AS (
    UPDATE credit_accounts AS c
    SET held = c.held - e.cost_credits, available = c.available + e.cost_credits - e.captured
    FROM ended AS e
    WHERE c.user_id = e.user_id
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure)
    SELECT e.id, %(sequence)s::bigint, %(status)s::text, 'done', %(progress)s::smallint, %(message)s::text,
        %(failure)s::jsonb
    FROM ended AS e
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, o.value, o.headers
    FROM unnest(
        %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
        %(headers)s::jsonb[]
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, place)
    CROSS JOIN ended AS e
    ORDER BY o.place
)
SELECT pg_notify(current_schema() || '_outbox', '')::text AS notified FROM ended;

-- name: renew_leases
-- Prolongs the leases of runs that still hold them; a lease that is over is not revived.
UPDATE jobs AS j
SET lease_until = now() + make_interval(secs => %(lease_s)s::double precision)
FROM unnest(%(ids)s::uuid[], %(attempts)s::integer[]) AS r (id, attempt)
WHERE j.id = r.id AND j.attempt = r.attempt AND j.status = 'processing' AND j.lease_until > now()
RETURNING j.id;

-- name: find_job
-- Reads one job as its worker needs it.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at
FROM jobs AS j
WHERE j.id = %(id)s::uuid;

-- name: list_abandoned_jobs
-- Runs whose lease is over.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at
FROM jobs AS j
WHERE j.status = 'processing' AND j.lease_until <= now()
ORDER BY j.lease_until
LIMIT %(limit)s::integer;

-- name: list_overdue_jobs
-- Jobs that have not ended by their deadline.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at
FROM jobs AS j
WHERE j.status IN ('queued', 'processing') AND j.deadline_at <= now()
ORDER BY j.deadline_at
LIMIT %(limit)s::integer;

-- name: list_overlooked_jobs
-- The next job of each lane, where one has been runnable for two seconds.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at
FROM lanes AS l
CROSS JOIN LATERAL (
    SELECT
        q.id, q.user_id, q.set_id, q.spec, q.lane, q.cost_credits, q.captured_credits, q.status, q.stage, q.progress,
        q.sequence, q.attempt, q.retry_count, q.max_retries, q.images, q.failure, q.trace, q.created_at, q.scheduled_at,
        q.started_at, q.ended_at, q.deadline_at
    FROM jobs AS q
    WHERE q.lane = l.lane AND q.status = 'queued' AND q.scheduled_at <= now() - interval '2 seconds'
    ORDER BY q.priority, q.virtual_start, q.id
    LIMIT 1
) AS j;

-- name: count_queued_jobs
-- Waiting jobs of each lane.
SELECT l.lane, (SELECT count(*) FROM jobs AS j WHERE j.lane = l.lane AND j.status = 'queued') AS waiting
FROM lanes AS l;

-- name: lead_sweep
-- True for one session until it stops leading or ends.
SELECT pg_try_advisory_lock(hashtext('pixel_generation.sweep'), hashtext(current_schema())) AS leading;

-- name: stop_leading_sweep
-- Lets another session lead.
SELECT pg_advisory_unlock(hashtext('pixel_generation.sweep'), hashtext(current_schema())) AS stopped;

-- name: list_unserved_jobs
-- Waiting jobs of models that are gone, in lanes that no worker claims from.
SELECT
    j.id, j.user_id, j.set_id, j.spec, j.lane, j.cost_credits, j.captured_credits, j.status, j.stage, j.progress,
    j.sequence, j.attempt, j.retry_count, j.max_retries, j.images, j.failure, j.trace, j.created_at, j.scheduled_at,
    j.started_at, j.ended_at, j.deadline_at
FROM jobs AS j
WHERE j.status = 'queued'
    AND j.lane IN (SELECT l.lane FROM lanes AS l WHERE l.lane <> ALL (%(lanes)s::text[]))
    AND j.spec ->> 'model' <> ALL (%(models)s::text[])
LIMIT %(limit)s::integer;
