-- name: list_abandoned_jobs
-- Runs with an expired lease, except reconciling ones, which have no worker, and those set aside.
SELECT
    {job_columns of j}
FROM live_jobs AS j
WHERE j.status = 'processing' AND j.lease_until <= now() AND j.stage <> 'reconciling'
    AND NOT EXISTS (
        SELECT 1 FROM set_aside_jobs AS s
        WHERE s.job_id = j.id AND s.duty = 'rescue' AND s.look_again_at > now())
ORDER BY j.lease_until
LIMIT %(limit)s::integer;

-- name: list_overdue_jobs
-- Open jobs past their deadline, except those set aside.
SELECT
    {job_columns of j}
FROM live_jobs AS j
WHERE j.status IN ('queued', 'processing') AND j.deadline_at <= now()
    AND NOT EXISTS (
        SELECT 1 FROM set_aside_jobs AS s
        WHERE s.job_id = j.id AND s.duty = 'expire' AND s.look_again_at > now())
ORDER BY j.deadline_at
LIMIT %(limit)s::integer;

-- name: list_reconciling_jobs
-- Runs whose call has an unknown outcome, with the provider's id of the request.
SELECT
    {job_columns of j}, t.provider_request_id
FROM live_jobs AS j
JOIN attempts AS t ON t.job_id = j.id AND t.attempt = j.attempt
WHERE j.status = 'processing' AND j.stage = 'reconciling'
    AND NOT EXISTS (
        SELECT 1 FROM set_aside_jobs AS s
        WHERE s.job_id = j.id AND s.duty = 'look_up' AND s.look_again_at > now())
ORDER BY j.deadline_at
LIMIT %(limit)s::integer;

-- name: list_unserved_jobs
-- Queued jobs of removed models, in queues without a worker, except those set aside.
SELECT
    {job_columns of j}
FROM live_jobs AS j
WHERE j.status = 'queued'
    AND j.queue IN (SELECT l.queue FROM queues AS l WHERE l.queue <> ALL (%(queues)s::text[]))
    AND j.work ->> 'model' <> ALL (%(models)s::text[])
    AND NOT EXISTS (
        SELECT 1 FROM set_aside_jobs AS s
        WHERE s.job_id = j.id AND s.duty = 'end_unserved' AND s.look_again_at > now())
LIMIT %(limit)s::integer;

-- name: list_overlooked_jobs
-- The next job of each queue that has been runnable for two seconds.
SELECT
    {job_columns of j}
FROM queues AS l
CROSS JOIN LATERAL (
    SELECT
        {job_columns of q}
    FROM live_jobs AS q
    WHERE q.queue = l.queue AND q.status = 'queued' AND q.hold_reason = 'open'
    ORDER BY q.priority, q.virtual_start, q.id
    LIMIT 1
) AS j
WHERE l.state <> 'paused' AND j.scheduled_at <= now() - interval '2 seconds';

-- name: count_queued_jobs
-- The number of queued jobs of each queue.
SELECT l.queue, (SELECT count(*) FROM live_jobs AS j WHERE j.queue = l.queue AND j.status = 'queued') AS waiting
FROM queues AS l;
