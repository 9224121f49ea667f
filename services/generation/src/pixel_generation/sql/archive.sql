-- name: archive_jobs
-- Moves the oldest ended jobs to the archive, up to a limit, in one statement: a reader of both tables sees each job
-- exactly once. Their durable steps are deleted. Jobs locked by another transaction, such as a retry, are skipped.
WITH old AS MATERIALIZED (
    SELECT j.id
    FROM live_jobs AS j
    WHERE j.ended_at < %(before)s::timestamptz AND j.id = ANY (ARRAY(
        (
            SELECT f.id FROM live_jobs AS f
            WHERE f.status = 'failed' AND f.ended_at < %(before)s::timestamptz
            ORDER BY f.ended_at
            LIMIT %(limit)s::integer
        )
        UNION ALL
        (
            SELECT s.id FROM live_jobs AS s
            WHERE s.status = 'cancelled' AND s.ended_at < %(before)s::timestamptz
            ORDER BY s.ended_at
            LIMIT %(limit)s::integer
        )
        UNION ALL
        SELECT c.id
        FROM queues AS l
        CROSS JOIN LATERAL (
            SELECT d.id FROM live_jobs AS d
            WHERE d.queue = l.queue AND d.status = 'completed' AND d.ended_at < %(before)s::timestamptz
            ORDER BY d.ended_at
            LIMIT %(limit)s::integer
        ) AS c
        LIMIT %(limit)s::integer
    ))
    FOR UPDATE SKIP LOCKED
),
moved AS (
    DELETE FROM live_jobs AS j WHERE j.id = ANY (ARRAY(SELECT o.id FROM old AS o)) RETURNING j.*
),
forgotten AS (
    DELETE FROM job_steps AS s WHERE s.job_id = ANY (ARRAY(SELECT o.id FROM old AS o))
)
INSERT INTO archived_jobs SELECT m.* FROM moved AS m;

-- name: find_job_anywhere
-- Reads one job, archived or not.
SELECT
    {job_columns of j}
FROM stored_jobs AS j
WHERE j.id = %(id)s::uuid;

-- name: find_owned_jobs_anywhere
-- Current rows of jobs of one user, archived or not.
SELECT
    {job_columns of j}
FROM stored_jobs AS j
WHERE j.id = ANY (%(ids)s::uuid[]) AND j.user_id = %(user_id)s::uuid;

-- name: list_job_ids
-- Ids of jobs after an id, in order.
SELECT j.id FROM stored_jobs AS j WHERE j.id > %(after)s::uuid ORDER BY j.id LIMIT %(limit)s::integer;

-- name: purge_reservations
-- Deletes reservations of past periods; those of budgets without a period are kept as the record of their use.
-- By ctid, which the row lock keeps valid: a join would be planned for a tenth of the table.
WITH old AS MATERIALIZED (
    SELECT r.ctid AS place
    FROM budget_reservations AS r
    WHERE r.period_start > '1970-01-01' AND r.period_start < %(before)s::date
    ORDER BY r.period_start
    LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM budget_reservations AS r WHERE r.ctid = ANY (ARRAY(SELECT o.place FROM old AS o));
