-- name: end_due_holds
-- Releases scheduled jobs that are due: to a free concurrency slot of their user, or to wait for one. Locked jobs and
-- accounts are skipped until the next call.
WITH due AS MATERIALIZED (
    SELECT j.id, j.user_id, j.priority, j.virtual_start
    FROM live_jobs AS j
    WHERE j.status = 'queued' AND j.hold_reason = 'scheduled' AND j.scheduled_at <= now()
    ORDER BY j.scheduled_at
    LIMIT %(limit)s::integer
    FOR NO KEY UPDATE SKIP LOCKED
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) - c.slots_taken AS free_slots
    FROM accounts AS c
    JOIN plans AS p ON p.id = c.plan
    WHERE c.user_id = ANY (ARRAY(SELECT d.user_id FROM due AS d))
    FOR NO KEY UPDATE OF c SKIP LOCKED
),
decided AS (
    SELECT
        d.id,
        CASE WHEN coalesce(row_number() OVER (PARTITION BY d.user_id ORDER BY d.priority, d.virtual_start, d.id) <= a.free_slots, true)
            THEN 'open' ELSE 'capped' END AS hold_reason
    FROM due AS d
    JOIN account AS a ON a.user_id = d.user_id
),
changed AS (
    UPDATE live_jobs AS j SET hold_reason = d.hold_reason FROM decided AS d WHERE j.id = d.id RETURNING j.user_id, j.queue, j.hold_reason
),
counted AS (
    UPDATE accounts AS c
    SET slots_taken = c.slots_taken + o.slots
    FROM (SELECT g.user_id, count(*)::integer AS slots FROM changed AS g WHERE g.hold_reason = 'open' GROUP BY g.user_id) AS o
    WHERE c.user_id = o.user_id
)
SELECT g.queue, count(*) AS opened, pg_notify(current_schema() || '_runnable', g.queue)::text AS notified
FROM changed AS g
GROUP BY g.queue;

-- name: end_missed_holds
-- Gives free concurrency slots to held jobs that a race or a raised limit left behind. Checks up to 500 users after a
-- random one, each found by one index step.
WITH RECURSIVE waiting AS (
    (
        SELECT j.user_id, 1 AS nth
        FROM live_jobs AS j
        WHERE j.status = 'queued' AND j.hold_reason = 'capped' AND j.user_id > %(after)s::uuid
        ORDER BY j.user_id
        LIMIT 1
    )
    UNION ALL
    SELECT n.user_id, w.nth + 1
    FROM waiting AS w
    CROSS JOIN LATERAL (
        SELECT j.user_id
        FROM live_jobs AS j
        WHERE j.status = 'queued' AND j.hold_reason = 'capped' AND j.user_id > w.user_id
        ORDER BY j.user_id
        LIMIT 1
    ) AS n
    WHERE w.nth < 500
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) - c.slots_taken AS free_slots
    FROM accounts AS c
    JOIN plans AS p ON p.id = c.plan
    WHERE c.user_id = ANY (ARRAY(SELECT w.user_id FROM waiting AS w))
        AND coalesce(c.slots_taken < coalesce(c.max_running, p.max_running), true)
    FOR NO KEY UPDATE OF c SKIP LOCKED
),
candidate AS MATERIALIZED (
    SELECT n.id, n.nth
    FROM account AS a
    CROSS JOIN LATERAL (
        SELECT l.id, row_number() OVER (ORDER BY l.priority, l.virtual_start, l.id) AS nth
        FROM (
            SELECT j.id, j.priority, j.virtual_start
            FROM live_jobs AS j
            WHERE j.user_id = a.user_id AND j.status = 'queued' AND j.hold_reason = 'capped'
            ORDER BY j.priority, j.virtual_start, j.id
            LIMIT 100
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS l
    ) AS n
    WHERE coalesce(n.nth <= a.free_slots, true)
),
changed AS (
    UPDATE live_jobs AS j SET hold_reason = 'open' FROM candidate AS n WHERE j.id = n.id RETURNING j.user_id, j.queue
),
counted AS (
    UPDATE accounts AS c
    SET slots_taken = c.slots_taken + o.slots
    FROM (SELECT g.user_id, count(*)::integer AS slots FROM changed AS g GROUP BY g.user_id) AS o
    WHERE c.user_id = o.user_id
)
SELECT g.queue, count(*) AS opened, pg_notify(current_schema() || '_runnable', g.queue)::text AS notified
FROM changed AS g
GROUP BY g.queue;

-- name: age_waiting_jobs
-- Raises the priority class of long queued jobs by one for each two minutes. Only the head of a class is checked,
-- because the rest of the class stays behind it in the next class as well.
WITH overtaken AS MATERIALIZED (
    SELECT j.id
    FROM queues AS l
    CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS k (priority)
    CROSS JOIN LATERAL (
        SELECT q.id, q.scheduled_at, q.aged
        FROM live_jobs AS q
        WHERE q.queue = l.queue AND q.status = 'queued' AND q.hold_reason = 'open' AND q.priority = k.priority
        ORDER BY q.virtual_start, q.id
        LIMIT %(limit)s::integer
    ) AS h
    JOIN live_jobs AS j ON j.id = h.id
    WHERE l.state <> 'paused' AND h.scheduled_at <= now() - (h.aged + 1) * interval '120 seconds'
        AND EXISTS (
            SELECT 1 FROM live_jobs AS e
            WHERE e.queue = l.queue AND e.status = 'queued' AND e.hold_reason = 'open' AND e.priority < k.priority)
        AND j.status = 'queued' AND j.hold_reason = 'open'
    FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE live_jobs AS j SET priority = j.priority - 1, aged = j.aged + 1 FROM overtaken AS o WHERE j.id = o.id;
