-- Changes of jobs. Every write is fenced by status, attempt and sequence, and a worker's lease must be live. Concurrent
-- changes share one statement, which returns the jobs it wrote; no job is in it twice. Locks are taken in one order:
-- jobs by id, accounts by id, budgets by id. Jobs whose hold ends are locked with SKIP LOCKED. Columns are passed from
-- CTE to CTE instead of joined: the planner would choose nested loops.

-- name: advance_jobs
-- Writes changes of running jobs. A cancellation request does not change the attempt.
WITH held AS MATERIALIZED (
    SELECT
        c.place, c.id, c.writer, c.stage, c.progress, c.step, c.sequence, c.outputs, c.deadline_at, c.cancel_requested_at, c.message,
        c.facts, c.attempt_state, c.outcome, c.provider_request_id, c.cost_usd_micros, c.failure_code, c.action_id,
        c.actor, c.durable_step, c.outbox_events
    FROM jsonb_to_recordset(%(changes)s::jsonb) AS c (
        place integer, id uuid, from_status text, attempt integer, sequence bigint, writer text, stage text,
        progress smallint, step text, outputs jsonb, deadline_at timestamptz, cancel_requested_at timestamptz, message text,
        facts jsonb, attempt_state text, outcome text, provider_request_id text, cost_usd_micros bigint,
        failure_code text, action_id uuid, actor text,
        durable_step jsonb, outbox_events jsonb)
    JOIN live_jobs AS j ON j.id = c.id
    WHERE j.status = c.from_status AND j.attempt = c.attempt AND j.sequence = c.sequence - 1
        AND CASE c.writer WHEN 'worker' THEN j.lease_until > now() WHEN 'reclaimer' THEN j.lease_until <= now() ELSE true END
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
),
advanced AS (
    UPDATE live_jobs AS j
    SET
        stage = h.stage, progress = h.progress, step = h.step, sequence = h.sequence, outputs = h.outputs, deadline_at = h.deadline_at,
        cancel_requested_at = h.cancel_requested_at
    FROM held AS h
    WHERE j.id = h.id
    RETURNING
        j.id, j.attempt, j.round, j.user_id, j.status, j.stage, j.progress, j.sequence, j.failure, h.place, h.writer, h.message,
        h.facts, h.attempt_state, h.outcome, h.provider_request_id, h.cost_usd_micros, h.failure_code, h.action_id,
        h.actor, h.durable_step, h.outbox_events
),
called AS (
    UPDATE attempts AS t
    SET
        state = a.attempt_state,
        outcome = coalesce(
            a.outcome, t.outcome,
            CASE WHEN a.attempt_state = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(a.provider_request_id, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN a.attempt_state = 'unknown' THEN NULL
            WHEN a.writer = 'worker' THEN a.cost_usd_micros
            ELSE coalesce(a.cost_usd_micros, t.cost_usd_micros)
        END,
        failure_code = a.failure_code,
        submitted_at = CASE WHEN a.stage = 'generating' THEN coalesce(t.submitted_at, now()) ELSE t.submitted_at END
    FROM advanced AS a
    WHERE t.job_id = a.id AND t.attempt = a.attempt AND a.writer <> 'owner'
),
-- A finished step does not change.
stepped AS (
    INSERT INTO job_steps AS s (job_id, round, step, state, attempt, output, call, finished_at)
    SELECT
        a.id, a.round, a.durable_step ->> 'key', a.durable_step ->> 'state', a.attempt, a.durable_step -> 'output',
        nullif(a.durable_step -> 'call', 'null'), CASE WHEN a.durable_step ->> 'state' = 'finished' THEN now() END
    FROM advanced AS a
    WHERE a.durable_step IS NOT NULL
    ON CONFLICT (job_id, round, step) DO UPDATE SET
        state = excluded.state, attempt = excluded.attempt, output = excluded.output, call = excluded.call,
        finished_at = excluded.finished_at
    WHERE s.state <> 'finished'
),
acted AS (
    INSERT INTO actions (id, actor, action, user_id, job_id)
    SELECT a.action_id, a.actor, 'cancel', a.user_id, a.id FROM advanced AS a WHERE a.writer = 'owner'
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT a.id, a.sequence, a.status, a.stage, a.progress, a.message, a.failure, a.user_id, a.facts FROM advanced AS a
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, decode(o.value, 'base64'), o.headers
    FROM advanced AS a
    CROSS JOIN LATERAL ROWS FROM (
        jsonb_to_recordset(a.outbox_events)
            AS (event_id uuid, topic text, key text, type text, value text, headers jsonb)
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, turn)
    ORDER BY a.place, o.turn
),
notice AS MATERIALIZED (
    SELECT pg_notify(current_schema() || '_outbox', '')::text AS outbox
)
SELECT
    a.id, (SELECT n.outbox FROM notice AS n) AS notified,
    CASE WHEN a.stage = 'cancelling' THEN pg_notify(current_schema() || '_cancel', a.id::text)::text END AS told
FROM advanced AS a;

-- name: requeue_jobs
-- Returns running jobs to the queue. A job scheduled for later passes its concurrency slot to the user's next job.
WITH held AS MATERIALIZED (
    SELECT
        c.place, c.id, c.writer, c.stage, c.progress, c.sequence, c.retry_count, c.outputs, c.work, c.first_step, c.queue, c.route, c.price_id,
        c.scheduled_at, c.message, c.facts, c.attempt_state, c.outcome, c.provider_request_id, c.cost_usd_micros,
        c.failure_code, c.outbox_events, coalesce(l.virtual_time, 0) AS virtual_time
    FROM jsonb_to_recordset(%(changes)s::jsonb) AS c (
        place integer, id uuid, from_status text, attempt integer, sequence bigint, writer text, stage text,
        progress smallint, retry_count integer, outputs jsonb, work jsonb, first_step text, queue text, route jsonb, price_id text,
        scheduled_at timestamptz, message text, facts jsonb, attempt_state text, outcome text, provider_request_id text,
        cost_usd_micros bigint, failure_code text, outbox_events jsonb)
    JOIN live_jobs AS j ON j.id = c.id
    LEFT JOIN queues AS l ON l.queue = c.queue
    WHERE j.status = c.from_status AND j.attempt = c.attempt AND j.sequence = c.sequence - 1
        AND CASE c.writer WHEN 'worker' THEN j.lease_until > now() WHEN 'reclaimer' THEN j.lease_until <= now() ELSE true END
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
),
requeued AS (
    UPDATE live_jobs AS j
    SET
        status = 'queued', stage = h.stage, progress = h.progress, step = '', sequence = h.sequence, retry_count = h.retry_count,
        outputs = h.outputs, work = h.work, first_step = h.first_step, queue = h.queue, route = h.route, price_id = h.price_id,
        scheduled_at = h.scheduled_at, hold_reason = CASE WHEN h.scheduled_at > now() THEN 'scheduled' ELSE 'open' END,
        virtual_start = CASE WHEN j.queue = h.queue THEN j.virtual_start ELSE h.virtual_time END,
        lease_until = NULL, worker = ''
    FROM held AS h
    WHERE j.id = h.id
    RETURNING
        j.id, j.attempt, j.user_id, j.status, j.stage, j.progress, j.sequence, j.failure, j.hold_reason, h.place, h.writer,
        h.message, h.facts, h.attempt_state, h.outcome, h.provider_request_id, h.cost_usd_micros, h.failure_code,
        h.outbox_events
),
called AS (
    UPDATE attempts AS t
    SET
        state = e.attempt_state,
        outcome = coalesce(
            e.outcome, t.outcome,
            CASE WHEN e.attempt_state = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(e.provider_request_id, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN e.attempt_state = 'unknown' THEN NULL
            WHEN e.writer = 'worker' THEN e.cost_usd_micros
            ELSE coalesce(e.cost_usd_micros, t.cost_usd_micros)
        END,
        failure_code = e.failure_code,
        ended_at = now()
    FROM requeued AS e
    WHERE t.job_id = e.id AND t.attempt = e.attempt
),
leaving AS MATERIALIZED (
    SELECT e.user_id, count(*)::integer AS freed FROM requeued AS e WHERE e.hold_reason <> 'open' GROUP BY e.user_id
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) AS max_running, c.slots_taken
    FROM accounts AS c
    JOIN plans AS p ON p.id = c.plan
    WHERE c.user_id = ANY (ARRAY(SELECT u.user_id FROM leaving AS u))
    ORDER BY c.user_id
    FOR NO KEY UPDATE OF c
),
-- A freed concurrency slot goes to the user's next held job, unless the user is above the limit.
next AS MATERIALIZED (
    SELECT n.id
    FROM account AS a
    JOIN leaving AS u ON u.user_id = a.user_id
    CROSS JOIN LATERAL (
        SELECT j.id
        FROM live_jobs AS j
        WHERE j.user_id = a.user_id AND j.status = 'queued' AND j.hold_reason = 'capped'
        ORDER BY j.priority, j.virtual_start, j.id
        LIMIT greatest(0, least(u.freed, a.max_running - a.slots_taken + u.freed))
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS n
),
opened AS (
    UPDATE live_jobs AS j SET hold_reason = 'open' FROM next AS n WHERE j.id = n.id RETURNING j.user_id, j.queue
),
balance AS (
    UPDATE accounts AS c
    SET slots_taken = c.slots_taken - u.freed + (SELECT count(*) FROM opened AS o WHERE o.user_id = c.user_id)
    FROM account AS a
    JOIN leaving AS u ON u.user_id = a.user_id
    WHERE c.user_id = a.user_id
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT e.id, e.sequence, e.status, e.stage, e.progress, e.message, e.failure, e.user_id, e.facts FROM requeued AS e
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, decode(o.value, 'base64'), o.headers
    FROM requeued AS e
    CROSS JOIN LATERAL ROWS FROM (
        jsonb_to_recordset(e.outbox_events)
            AS (event_id uuid, topic text, key text, type text, value text, headers jsonb)
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, turn)
    ORDER BY e.place, o.turn
),
notice AS MATERIALIZED (
    SELECT
        pg_notify(current_schema() || '_outbox', '')::text AS outbox,
        (
            SELECT count(pg_notify(current_schema() || '_runnable', l.queue))
            FROM (SELECT DISTINCT o.queue FROM opened AS o) AS l
        ) AS runnable
)
SELECT e.id, (SELECT n.outbox FROM notice AS n) AS notified, (SELECT n.runnable FROM notice AS n) AS opened
FROM requeued AS e;

-- name: end_jobs
-- Ends jobs and settles their rounds: captures the delivered units, releases the rest, books the provider cost, reduces
-- budget reservations to the used amount, and passes concurrency slots to the users' next jobs.
WITH held AS MATERIALIZED (
    SELECT
        c.place, c.id, c.from_status, c.writer, c.status, c.progress, c.sequence, c.outputs, c.failure, c.captured,
        c.cancel_requested_at, c.ended_at, c.message, c.facts, c.attempt_state, c.outcome, c.provider_request_id,
        c.cost_usd_micros, c.failure_code, c.action_id, c.actor, c.capture_id, c.release_id, c.cost_id, c.outbox_events
    FROM jsonb_to_recordset(%(changes)s::jsonb) AS c (
        place integer, id uuid, from_status text, attempt integer, sequence bigint, writer text, status text,
        progress smallint, outputs jsonb, failure jsonb, captured bigint, cancel_requested_at timestamptz,
        ended_at timestamptz, message text, facts jsonb, attempt_state text, outcome text, provider_request_id text,
        cost_usd_micros bigint, failure_code text, action_id uuid, actor text, capture_id uuid, release_id uuid,
        cost_id uuid, outbox_events jsonb)
    JOIN live_jobs AS j ON j.id = c.id
    WHERE j.status = c.from_status AND j.attempt = c.attempt AND j.sequence = c.sequence - 1
        AND CASE c.writer WHEN 'worker' THEN j.lease_until > now() WHEN 'reclaimer' THEN j.lease_until <= now() ELSE true END
    ORDER BY j.id
    FOR NO KEY UPDATE OF j
),
ended AS (
    UPDATE live_jobs AS j
    SET
        status = h.status, stage = 'done', progress = h.progress, sequence = h.sequence, outputs = h.outputs,
        failure = h.failure, captured_credits = h.captured, cancel_requested_at = h.cancel_requested_at,
        ended_at = h.ended_at, lease_until = NULL, worker = ''
    FROM held AS h
    WHERE j.id = h.id
    RETURNING
        j.id, j.attempt, j.round, j.retry_count, j.user_id, j.kind, j.work ->> 'model' AS model, jsonb_array_length(j.outputs) AS outputs,
        j.cost_credits, j.captured_credits AS captured, j.cost_credits - j.captured_credits AS released, j.hold_reason, j.status,
        j.stage, j.progress, j.sequence, j.failure, j.started_at, j.ended_at, h.place, h.from_status, h.writer, h.message,
        h.facts, h.attempt_state, h.outcome, h.provider_request_id, h.cost_usd_micros, h.failure_code, h.action_id,
        h.actor, h.capture_id, h.release_id, h.cost_id, h.outbox_events
),
called AS (
    UPDATE attempts AS t
    SET
        state = e.attempt_state,
        outcome = coalesce(
            e.outcome, t.outcome,
            CASE WHEN e.attempt_state = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(e.provider_request_id, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN e.attempt_state = 'unknown' THEN NULL
            WHEN e.writer = 'worker' THEN e.cost_usd_micros
            ELSE coalesce(e.cost_usd_micros, t.cost_usd_micros)
        END,
        failure_code = e.failure_code,
        ended_at = now()
    FROM ended AS e
    WHERE t.job_id = e.id AND t.attempt = e.attempt AND e.from_status = 'processing'
    RETURNING t.job_id, t.outcome, t.cost_usd_micros, t.submitted_at
),
-- The amounts to settle for each job, with the provider cost of its round, and whether the cost of a call is unknown.
bill AS MATERIALIZED (
    SELECT
        e.id AS job_id, e.round, e.user_id, e.captured, e.released, e.capture_id, e.release_id, e.cost_id, r.usd_micros,
        r.is_unknown
    FROM ended AS e
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(o.cost_usd_micros), 0)::bigint AS usd_micros,
            coalesce(bool_or(
                o.cost_usd_micros IS NULL AND o.submitted_at IS NOT NULL AND o.outcome IS DISTINCT FROM 'not_sent'
            ), false) AS is_unknown
        FROM (
            SELECT c.outcome, c.cost_usd_micros, c.submitted_at FROM called AS c WHERE c.job_id = e.id
            UNION ALL
            SELECT t.outcome, t.cost_usd_micros, t.submitted_at
            FROM attempts AS t
            WHERE t.job_id = e.id AND t.round = e.round AND (t.attempt < e.attempt OR e.from_status = 'queued')
        ) AS o
    ) AS r
),
leaving AS MATERIALIZED (
    SELECT
        e.user_id, count(*)::integer AS jobs, count(*) FILTER (WHERE e.hold_reason = 'open')::integer AS freed,
        sum(e.cost_credits)::bigint AS cost_credits, sum(e.released)::bigint AS released
    FROM ended AS e
    GROUP BY e.user_id
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) AS max_running, c.slots_taken
    FROM accounts AS c
    JOIN plans AS p ON p.id = c.plan
    WHERE c.user_id = ANY (ARRAY(SELECT u.user_id FROM leaving AS u))
    ORDER BY c.user_id
    FOR NO KEY UPDATE OF c
),
-- A freed concurrency slot goes to the user's next held job, unless the user is above the limit.
next AS MATERIALIZED (
    SELECT n.id
    FROM account AS a
    JOIN leaving AS u ON u.user_id = a.user_id
    CROSS JOIN LATERAL (
        SELECT j.id
        FROM live_jobs AS j
        WHERE j.user_id = a.user_id AND j.status = 'queued' AND j.hold_reason = 'capped'
            AND j.id <> ALL (ARRAY(SELECT e.id FROM ended AS e))
        ORDER BY j.priority, j.virtual_start, j.id
        LIMIT greatest(0, least(u.freed, a.max_running - a.slots_taken + u.freed))
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS n
),
opened AS (
    UPDATE live_jobs AS j SET hold_reason = 'open' FROM next AS n WHERE j.id = n.id RETURNING j.user_id, j.queue
),
settlement AS MATERIALIZED (
    SELECT s.transfer_id, s.kind, s.account, s.account_user_id, s.credits, b.job_id, b.round, b.user_id
    FROM bill AS b
    CROSS JOIN LATERAL (VALUES
        (b.capture_id, 'capture', 'platform_revenue', NULL::uuid, b.captured),
        (b.release_id, 'release', 'user_available', b.user_id, b.released)
    ) AS s (transfer_id, kind, account, account_user_id, credits)
    WHERE s.credits > 0
),
transfer AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id, round)
    SELECT s.transfer_id, s.kind, s.user_id, s.job_id, s.round FROM settlement AS s
    UNION ALL
    SELECT b.cost_id, 'provider_cost', b.user_id, b.job_id, b.round FROM bill AS b WHERE b.usd_micros > 0
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits, usd_micros)
    SELECT s.transfer_id, 1::smallint, 'user_held', s.user_id, -s.credits, 0 FROM settlement AS s
    UNION ALL
    SELECT s.transfer_id, 2::smallint, s.account, s.account_user_id, s.credits, 0 FROM settlement AS s
    UNION ALL
    SELECT b.cost_id, x.line, x.account, NULL, 0, x.sign * b.usd_micros
    FROM bill AS b
    CROSS JOIN (VALUES (1::smallint, 'provider_cost', 1), (2::smallint, 'payments', -1)) AS x (line, account, sign)
    WHERE b.usd_micros > 0
),
-- A release is credited to the day on which the amount was held.
returned AS MATERIALIZED (
    SELECT b.user_id, (t.created_at AT TIME ZONE 'UTC')::date AS held_on, sum(b.released)::bigint AS credits
    FROM bill AS b
    JOIN ledger_transfers AS t ON t.job_id = b.job_id AND t.round = b.round AND t.kind = 'hold'
    WHERE b.released > 0
    GROUP BY 1, 2
),
balance AS (
    UPDATE accounts AS c
    SET
        held = c.held - u.cost_credits, available = c.available + u.released, open_jobs = c.open_jobs - u.jobs,
        slots_taken = c.slots_taken - u.freed + (SELECT count(*) FROM opened AS o WHERE o.user_id = c.user_id),
        spent_today = c.spent_today - coalesce(
            (SELECT r.credits FROM returned AS r WHERE r.user_id = c.user_id AND r.held_on = c.spent_on), 0)
    FROM account AS a
    JOIN leaving AS u ON u.user_id = a.user_id
    WHERE c.user_id = a.user_id
),
-- Locked in id order after all accounts: the count forces those locks to be taken first.
reservation AS MATERIALIZED (
    SELECT
        b.id AS budget_id, r.job_id, r.round, r.period_start, r.amount,
        CASE WHEN b.unit = 'credits' THEN e.captured WHEN e.is_unknown THEN r.amount ELSE e.usd_micros END AS used
    FROM bill AS e
    JOIN budget_reservations AS r ON r.job_id = e.job_id AND r.round = e.round
    JOIN budgets AS b ON b.id = r.budget_id
    WHERE (SELECT count(*) FROM account) > 0
    ORDER BY b.id
    FOR NO KEY UPDATE OF b
),
settled AS (
    UPDATE budget_reservations AS r
    SET amount = s.used
    FROM reservation AS s
    WHERE r.job_id = s.job_id AND r.round = s.round AND r.budget_id = s.budget_id AND s.used <> s.amount
),
budgeted AS (
    UPDATE budgets AS b
    SET used = b.used + s.change
    FROM (
        SELECT r.budget_id, r.period_start, sum(r.used - r.amount)::bigint AS change
        FROM reservation AS r
        GROUP BY r.budget_id, r.period_start
    ) AS s
    WHERE b.id = s.budget_id AND b.period_start = s.period_start AND s.change <> 0
),
counted AS (
    INSERT INTO job_statistics AS s (user_id, day, model, kind, status, jobs, outputs, run_seconds, credits, retries)
    SELECT
        e.user_id, (e.ended_at AT TIME ZONE 'UTC')::date, e.model, e.kind, e.status, count(*), sum(e.outputs),
        sum(greatest(coalesce(extract(epoch FROM e.ended_at - e.started_at), 0), 0)), sum(e.captured),
        sum(e.retry_count)
    FROM ended AS e
    WHERE (SELECT count(*) FROM account) > 0
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (user_id, day, model, kind, status) DO UPDATE SET
        jobs = s.jobs + excluded.jobs, outputs = s.outputs + excluded.outputs,
        run_seconds = s.run_seconds + excluded.run_seconds, credits = s.credits + excluded.credits,
        retries = s.retries + excluded.retries
),
acted AS (
    INSERT INTO actions (id, actor, action, user_id, job_id)
    SELECT e.action_id, e.actor, 'cancel', e.user_id, e.id FROM ended AS e WHERE e.writer = 'owner'
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT e.id, e.sequence, e.status, e.stage, e.progress, e.message, e.failure, e.user_id, e.facts FROM ended AS e
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, decode(o.value, 'base64'), o.headers
    FROM ended AS e
    CROSS JOIN LATERAL ROWS FROM (
        jsonb_to_recordset(e.outbox_events)
            AS (event_id uuid, topic text, key text, type text, value text, headers jsonb)
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, turn)
    ORDER BY e.place, o.turn
),
notice AS MATERIALIZED (
    SELECT
        pg_notify(current_schema() || '_outbox', '')::text AS outbox,
        (
            SELECT count(pg_notify(current_schema() || '_runnable', l.queue))
            FROM (SELECT DISTINCT o.queue FROM opened AS o) AS l
        ) AS runnable
)
SELECT e.id, (SELECT n.outbox FROM notice AS n) AS notified, (SELECT n.runnable FROM notice AS n) AS opened
FROM ended AS e;
