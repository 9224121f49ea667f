-- name: submit_generations
-- Decides a batch of new jobs and of retries of ended ones, and writes the accepted ones with hold, reservations, event
-- and outbox rows, in one statement.
-- Arrays are sent in binary: as text every element would be escaped and parsed, at four times the client's CPU. Absent
-- values are sent as sentinels (zero id, end of time, -1): an array of nulls only has no type to prepare with.
-- The planner assumes ten elements in every array, so a join of two of the sets below would become a nested loop: the
-- columns of an item are passed from CTE to CTE instead, and marked by flags.
WITH item AS MATERIALIZED (
    SELECT n.*, n.known_job_id IS NULL AND n.twin = 1 AS is_new
    FROM (
        SELECT
            i.place, i.job_id, i.round, i.sequence, i.set_id, i.user_id, i.kind, i.queue, i.work, i.units, i.first_step,
            i.cost_credits, nullif(i.cost_usd_micros, -1) AS cost_usd_micros, i.price_id, i.priority, i.max_retries,
            i.created_at, i.submitted_at, i.deadline_at,
            nullif(i.cancel_at, '9999-12-31 23:59:59.999999+00') AS cancel_at,
            CASE WHEN i.scheduled_at > greatest(i.submitted_at, now()) THEN i.scheduled_at END AS start_time,
            nullif(i.start_after, '9999-12-31 23:59:59.999999+00') AS start_after,
            nullif(i.start_before, '9999-12-31 23:59:59.999999+00') AS start_before,
            nullif(i.api_key_id, '00000000-0000-0000-0000-000000000000') AS api_key_id, i.end_user, i.metadata,
            i.chosen_route, i.adjustments, i.message, i.trace, i.route, i.key, i.fingerprint, i.transfer_id,
            i.event_key, i.request_topic, i.request_type, i.request_id, i.request, i.status_id, i.status,
            i.queue_is_full, l.provider, l.state AS queue_state, coalesce(l.virtual_time, 0) AS virtual_time,
            s.job_id AS known_job_id, s.fingerprint AS known_fingerprint,
            CASE WHEN i.key = '' AND i.round = 1 THEN 1
                ELSE row_number() OVER (
                    PARTITION BY i.user_id, i.route, i.key, CASE WHEN i.round > 1 THEN i.job_id END ORDER BY i.place)
            END AS twin
        FROM unnest(
            %(job_ids)b::uuid[], %(rounds)b::integer[], %(sequences)b::bigint[], %(set_ids)b::uuid[],
            %(user_ids)b::uuid[], %(kinds)b::text[], %(queues)b::text[], %(works)b::jsonb[],
            %(units)b::smallint[], %(first_steps)b::text[], %(costs)b::bigint[], %(costs_usd_micros)b::bigint[], %(price_ids)b::text[],
            %(priorities)b::smallint[], %(max_retries)b::integer[], %(created_at)b::timestamptz[],
            %(submitted_at)b::timestamptz[], %(scheduled_at)b::timestamptz[], %(deadlines)b::timestamptz[],
            %(cancel_at)b::timestamptz[], %(start_after)b::timestamptz[], %(start_before)b::timestamptz[],
            %(api_key_ids)b::uuid[], %(end_users)b::text[], %(metadata)b::jsonb[], %(chosen_routes)b::jsonb[],
            %(adjustments)b::jsonb[], %(messages)b::text[], %(traces)b::jsonb[], %(routes)b::text[], %(keys_)b::text[],
            %(fingerprints)b::bytea[], %(transfer_ids)b::uuid[], %(event_keys)b::text[],
            %(request_topics)b::text[], %(request_types)b::text[], %(request_ids)b::uuid[],
            %(requests)b::bytea[], %(status_ids)b::uuid[], %(statuses)b::bytea[], %(queues_are_full)b::boolean[]
        ) WITH ORDINALITY AS i (
            job_id, round, sequence, set_id, user_id, kind, queue, work, units, first_step, cost_credits, cost_usd_micros,
            price_id, priority, max_retries, created_at, submitted_at, scheduled_at, deadline_at, cancel_at,
            start_after, start_before, api_key_id, end_user, metadata, chosen_route, adjustments, message, trace, route, key,
            fingerprint, transfer_id, event_key, request_topic, request_type, request_id, request, status_id, status,
            queue_is_full, place)
        LEFT JOIN queues AS l ON l.queue = i.queue
        LEFT JOIN submissions AS s ON i.key <> '' AND s.user_id = i.user_id AND s.route = i.route AND s.key = i.key
    ) AS n
),
-- Locked in id order, so that concurrent batches never deadlock; read after the lock.
locked AS MATERIALIZED (
    SELECT c.user_id, c.available, c.plan, c.max_running, c.daily_limit, c.spent_today, c.spent_on, c.open_jobs,
        c.slots_taken
    FROM accounts AS c
    WHERE c.user_id = ANY (ARRAY(SELECT DISTINCT i.user_id FROM item AS i WHERE i.is_new))
    ORDER BY c.user_id
    FOR NO KEY UPDATE
),
-- What each account has left. A statement that began before midnight does not reset a new day.
account AS MATERIALIZED (
    SELECT
        c.user_id, c.available, c.plan, p.weight, p.top_priority, p.max_open_jobs,
        p.max_open_jobs - c.open_jobs AS open_jobs_left, coalesce(c.max_running, p.max_running) - c.slots_taken AS slots,
        coalesce(c.daily_limit, p.daily_credits) AS daily_limit, d.today,
        CASE WHEN c.spent_on = d.today THEN c.spent_today ELSE 0 END AS spent_today
    FROM locked AS c
    JOIN plans AS p ON p.id = c.plan
    CROSS JOIN LATERAL (SELECT greatest(c.spent_on, (now() AT TIME ZONE 'UTC')::date) AS today) AS d
),
-- Ended jobs to retry, if they are unchanged since the caller read them.
ended AS MATERIALIZED (
    SELECT j.id
    FROM live_jobs AS j
    JOIN item AS i ON i.job_id = j.id
    WHERE i.round > 1 AND i.is_new AND j.status IN ('failed', 'cancelled') AND j.sequence = i.sequence - 1
        AND j.user_id = i.user_id
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
),
scoped AS MATERIALIZED (
    SELECT i.place, i.cost_credits, i.cost_usd_micros, s.scope, s.subject
    FROM item AS i
    CROSS JOIN LATERAL (VALUES
        ('platform', ''), ('provider', i.provider), ('user', replace(i.user_id::text, '-', '')),
        ('key', replace(i.api_key_id::text, '-', ''))
    ) AS s (scope, subject)
    WHERE i.is_new AND s.subject IS NOT NULL
),
-- Locked in id order after all accounts: the count forces those locks to be taken first.
budget AS MATERIALIZED (
    SELECT
        b.id, b.scope, b.subject, b.period, b.unit, b.limit_amount, p.started AS period_start,
        CASE WHEN b.period_start = p.started THEN b.used ELSE 0 END AS used
    FROM budgets AS b
    CROSS JOIN LATERAL (SELECT greatest(b.period_start, CASE b.period
        WHEN 'day' THEN (now() AT TIME ZONE 'UTC')::date
        WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
        ELSE '1970-01-01'
    END) AS started) AS p
    WHERE (SELECT count(*) FROM locked) > 0
        AND b.id = ANY (ARRAY(
            SELECT k.id FROM budgets AS k WHERE (k.scope, k.subject) IN (SELECT s.scope, s.subject FROM scoped AS s)))
    ORDER BY b.id
    FOR NO KEY UPDATE OF b
),
charge AS MATERIALIZED (
    SELECT
        s.place, b.id AS budget_id, b.scope, b.period, b.period_start, b.limit_amount, b.used,
        greatest(b.limit_amount - b.used, 0) AS remaining,
        CASE b.unit WHEN 'credits' THEN s.cost_credits ELSE s.cost_usd_micros END AS amount
    FROM budget AS b
    JOIN scoped AS s ON s.scope = b.scope AND s.subject = b.subject
),
-- The budget that refuses an item by itself; an unknown amount never fits a budget.
exceeded AS MATERIALIZED (
    SELECT DISTINCT ON (c.place) c.place, c.scope, c.period, c.limit_amount, c.amount IS NULL AS is_unpriced
    FROM charge AS c
    WHERE c.amount IS NULL OR c.amount > c.remaining
    ORDER BY c.place, c.amount IS NULL DESC, c.budget_id
),
judged AS MATERIALIZED (
    SELECT
        i.*, a.available, a.plan, a.weight, a.open_jobs_left, a.slots, a.max_open_jobs, a.daily_limit, a.spent_today, a.today,
        x.scope, x.period, x.limit_amount,
        CASE
            WHEN NOT i.is_new THEN 'again'
            WHEN i.round > 1 AND NOT EXISTS (SELECT 1 FROM ended AS e WHERE e.id = i.job_id)
                THEN coalesce((SELECT 'archived' FROM archived_jobs AS o WHERE o.id = i.job_id), 'moved')
            WHEN i.queue_state = 'draining' THEN 'queue_closed'
            WHEN i.queue_is_full THEN 'queue_full'
            WHEN a.user_id IS NULL THEN 'insufficient'
            WHEN i.priority < a.top_priority THEN 'priority'
            WHEN a.open_jobs_left < 1 THEN 'too_many_open_jobs'
            WHEN i.cost_credits > a.available THEN 'insufficient'
            WHEN a.spent_today + i.cost_credits > a.daily_limit THEN 'daily_limit'
            WHEN x.is_unpriced THEN 'price_unknown'
            WHEN x.place IS NOT NULL THEN 'budget'
            ELSE ''
        END AS rejection
    FROM item AS i
    LEFT JOIN account AS a ON a.user_id = i.user_id
    LEFT JOIN exceeded AS x ON x.place = i.place
),
-- The items within every limit, first come first served. Items that can never be accepted do not count for the others;
-- the first of the others always fits, so deciding a batch again makes progress.
over AS MATERIALIZED (
    SELECT r.place
    FROM (
        SELECT c.place, c.remaining, sum(c.amount) OVER (PARTITION BY c.budget_id ORDER BY c.place) AS running_amount
        FROM charge AS c
        JOIN judged AS j ON j.place = c.place
        WHERE j.rejection = ''
    ) AS r
    WHERE r.running_amount > r.remaining
),
fitting AS MATERIALIZED (
    SELECT
        j.*,
        j.rejection = ''
        AND sum(j.cost_credits) OVER mine <= least(j.available, j.daily_limit - j.spent_today)
        AND row_number() OVER mine <= j.open_jobs_left
        AND NOT EXISTS (SELECT 1 FROM over AS o WHERE o.place = j.place) AS is_fitting
    FROM judged AS j
    WINDOW mine AS (PARTITION BY j.user_id, j.rejection = '' ORDER BY j.place)
),
keyed AS (
    INSERT INTO submissions (user_id, route, key, fingerprint, job_id)
    SELECT f.user_id, f.route, f.key, f.fingerprint, f.job_id FROM fitting AS f WHERE f.is_fitting AND f.key <> ''
    ON CONFLICT DO NOTHING
    RETURNING job_id
),
decided AS MATERIALIZED (
    SELECT
        n.*,
        sum(n.units) OVER (PARTITION BY n.user_id, n.is_accepted, n.queue ORDER BY n.place) - n.units
            AS units_before,
        sum(n.units) OVER (PARTITION BY n.user_id, n.is_accepted, n.queue) AS units_of_user,
        CASE
            WHEN n.start_time IS NOT NULL THEN 'scheduled'
            WHEN count(*) FILTER (WHERE n.start_time IS NULL)
                OVER (PARTITION BY n.user_id, n.is_accepted ORDER BY n.place) > n.slots THEN 'capped'
            ELSE 'open'
        END AS hold_reason
    FROM (
        SELECT f.*, f.is_fitting AND (f.key = '' OR f.job_id IN (SELECT k.job_id FROM keyed AS k)) AS is_accepted
        FROM fitting AS f
    ) AS n
),
debited AS (
    UPDATE accounts AS c
    SET
        available = c.available - t.cost, held = c.held + t.cost, open_jobs = c.open_jobs + t.jobs,
        slots_taken = c.slots_taken + t.slots, spent_today = t.spent_today + t.cost, spent_on = t.today
    FROM (
        SELECT
            d.user_id, d.today, d.spent_today, sum(d.cost_credits)::bigint AS cost, count(*)::integer AS jobs,
            (count(*) FILTER (WHERE d.hold_reason = 'open'))::integer AS slots
        FROM decided AS d
        WHERE d.is_accepted
        GROUP BY d.user_id, d.today, d.spent_today
    ) AS t
    WHERE c.user_id = t.user_id
),
reserved AS MATERIALIZED (
    SELECT d.job_id, d.round, c.budget_id, c.period_start, c.used, c.amount
    FROM charge AS c
    JOIN decided AS d ON d.place = c.place
    WHERE d.is_accepted
),
reservation AS (
    INSERT INTO budget_reservations (job_id, round, budget_id, period_start, amount)
    SELECT r.job_id, r.round, r.budget_id, r.period_start, r.amount FROM reserved AS r
),
spent AS (
    UPDATE budgets AS b
    SET used = t.used + t.amount, period_start = t.period_start
    FROM (
        SELECT r.budget_id, r.period_start, r.used, sum(r.amount)::bigint AS amount
        FROM reserved AS r
        GROUP BY r.budget_id, r.period_start, r.used
    ) AS t
    WHERE b.id = t.budget_id
),
-- Start-time fair queueing: a user's next job starts at the virtual end of the previous one, or now.
share AS (
    INSERT INTO queue_shares AS s (queue, user_id, virtual_finish)
    SELECT w.queue, w.user_id, w.virtual_time + w.service
    FROM (
        SELECT DISTINCT d.queue, d.user_id, d.virtual_time, d.units_of_user / d.weight AS service
        FROM decided AS d
        WHERE d.is_accepted
    ) AS w
    ORDER BY w.queue, w.user_id
    ON CONFLICT (queue, user_id) DO UPDATE SET virtual_finish = greatest(
        excluded.virtual_finish,
        s.virtual_finish + excluded.virtual_finish
            - coalesce((SELECT l.virtual_time FROM queues AS l WHERE l.queue = excluded.queue), 0))
    RETURNING s.queue, s.user_id, s.virtual_finish
),
accepted AS MATERIALIZED (
    SELECT
        d.*, s.virtual_finish - (d.units_of_user - d.units_before) / d.weight AS virtual_start,
        coalesce(d.start_time, least(d.submitted_at, now())) AS scheduled_at,
        CASE WHEN d.hold_reason = 'open' THEN d.start_after END AS estimated_after,
        CASE WHEN d.hold_reason = 'open' THEN d.start_before END AS estimated_before
    FROM decided AS d
    JOIN share AS s ON s.user_id = d.user_id AND s.queue = d.queue
    WHERE d.is_accepted
),
job AS (
    INSERT INTO live_jobs (
        id, user_id, set_id, kind, queue, work, units, first_step, priority, virtual_start, max_retries, scheduled_at,
        deadline_at, cost_credits, trace, created_at, hold_reason, plan, cancel_at, api_key_id, end_user, metadata, price_id,
        route, adjustments, start_after, start_before)
    SELECT
        a.job_id, a.user_id, a.set_id, a.kind, a.queue, a.work, a.units, a.first_step, a.priority, a.virtual_start,
        a.max_retries, a.scheduled_at, a.deadline_at, a.cost_credits, a.trace, a.created_at, a.hold_reason, a.plan,
        a.cancel_at, a.api_key_id, a.end_user, a.metadata, a.price_id, a.chosen_route, a.adjustments, a.estimated_after, a.estimated_before
    FROM accepted AS a
    WHERE a.round = 1
),
reopened AS (
    UPDATE live_jobs AS j
    SET
        status = 'queued', stage = 'waiting', progress = 0, step = '', sequence = a.sequence, round = a.round, hold_reason = a.hold_reason,
        plan = a.plan, virtual_start = a.virtual_start, retry_count = 0, scheduled_at = a.scheduled_at,
        deadline_at = a.deadline_at, cancel_at = a.cancel_at, cancel_requested_at = NULL, captured_credits = NULL,
        outputs = '[]', failure = NULL, started_at = NULL, ended_at = NULL, start_after = a.estimated_after,
        start_before = a.estimated_before
    FROM accepted AS a
    WHERE a.round > 1 AND j.id = a.job_id
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, created_at, user_id, facts)
    SELECT
        a.job_id, a.sequence, 'queued', 'waiting', 0, a.message, a.submitted_at, a.user_id,
        CASE WHEN a.round = 1 THEN jsonb_build_object(
            'user_id', a.user_id, 'set_id', a.set_id, 'kind', a.kind, 'queue', a.queue, 'work', a.work,
            'priority', a.priority, 'max_retries', a.max_retries, 'cost_credits', a.cost_credits,
            'price_id', a.price_id, 'plan', a.plan, 'api_key_id', a.api_key_id, 'end_user', a.end_user,
            'metadata', a.metadata, 'route', a.chosen_route, 'adjustments', a.adjustments, 'trace', a.trace,
            'created_at', a.created_at, 'scheduled_at', a.scheduled_at, 'deadline_at', a.deadline_at,
            'cancel_at', a.cancel_at, 'start_after', a.estimated_after, 'start_before', a.estimated_before)
        ELSE jsonb_build_object(
            'round', a.round, 'plan', a.plan, 'retry_count', 0, 'step', '', 'outputs', '[]'::jsonb, 'captured_credits', NULL,
            'started_at', NULL, 'ended_at', NULL, 'cancel_requested_at', NULL, 'scheduled_at', a.scheduled_at,
            'deadline_at', a.deadline_at, 'cancel_at', a.cancel_at, 'start_after', a.estimated_after,
            'start_before', a.estimated_before)
        END
    FROM accepted AS a
),
transfer AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id, round)
    SELECT a.transfer_id, 'hold', a.user_id, a.job_id, a.round FROM accepted AS a
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT a.transfer_id, e.line, e.account, a.user_id, e.sign * a.cost_credits
    FROM accepted AS a
    CROSS JOIN (VALUES (1::smallint, 'user_available', -1), (2::smallint, 'user_held', 1)) AS e (line, account, sign)
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT e.event_id, e.topic, a.event_key, e.type, e.value, a.trace
    FROM accepted AS a
    CROSS JOIN LATERAL (VALUES
        (1, a.request_id, a.request_topic, a.request_type, a.request),
        (2, a.status_id, %(status_topic)s::text, %(status_type)s::text, a.status)
    ) AS e (turn, event_id, topic, type, value)
    ORDER BY a.place, e.turn
),
notice AS MATERIALIZED (
    SELECT pg_notify(current_schema() || '_outbox', '')::text AS sent
    FROM (SELECT 1 FROM accepted LIMIT 1) AS any_accepted
)
SELECT
    CASE
        WHEN d.is_accepted THEN 'accepted'
        WHEN d.known_job_id IS NOT NULL AND d.known_fingerprint = d.fingerprint THEN 'replayed'
        WHEN d.known_job_id IS NOT NULL THEN 'key_reused'
        ELSE coalesce(nullif(d.rejection, ''), 'again')
    END AS verdict,
    coalesce(d.known_job_id, d.job_id) AS job_id,
    coalesce(d.available, 0) AS available,
    CASE d.rejection WHEN 'too_many_open_jobs' THEN d.max_open_jobs WHEN 'daily_limit' THEN d.daily_limit
        WHEN 'budget' THEN d.limit_amount END AS limit_amount,
    coalesce(d.scope, '') AS scope,
    coalesce(d.period, '') AS period,
    d.hold_reason,
    coalesce(d.plan, '') AS plan,
    (SELECT n.sent FROM notice AS n) AS notified
FROM decided AS d
ORDER BY d.place;

-- name: purge_submissions
-- Deletes expired idempotency keys. By ctid, which the row lock keeps valid: a join would be planned for a tenth of the
-- table.
WITH old AS MATERIALIZED (
    SELECT s.ctid AS place
    FROM submissions AS s
    WHERE s.created_at < %(before)s::timestamptz
    ORDER BY s.created_at
    LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM submissions AS s WHERE s.ctid = ANY (ARRAY(SELECT o.place FROM old AS o));
