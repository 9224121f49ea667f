-- Changes of a job. Each is written only if the job is still as its writer knew it: status, attempt and sequence fence it,
-- and a worker's lease must be live. Locks are taken in one order: the job, its account, its budgets by id. A second job of
-- the user, the one whose gate opens, is taken only if nobody holds it.

-- name: advance_job
-- Writes a change of a run that goes on. Who cancels changes nothing of the attempt.
WITH advanced AS (
    UPDATE jobs AS j
    SET
        stage = %(stage)s::text, progress = %(progress)s::smallint, sequence = %(sequence)s::bigint,
        images = %(images)s::jsonb, deadline_at = %(deadline_at)s::timestamptz,
        cancel_requested_at = %(cancel_requested_at)s::timestamptz
    WHERE j.id = %(id)s::uuid AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer
        AND j.sequence = %(sequence)s::bigint - 1
        AND CASE %(holder)s::text
            WHEN 'worker' THEN j.lease_until > now() WHEN 'heir' THEN j.lease_until <= now() ELSE true END
    RETURNING j.id, j.attempt, j.user_id, j.status, j.stage, j.progress, j.sequence, j.failure
),
called AS (
    UPDATE attempts AS t
    SET
        state = %(attempt_state)s::text,
        outcome = coalesce(
            %(outcome)s::text, t.outcome,
            CASE WHEN %(attempt_state)s::text = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(%(provider_request_id)s::text, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN %(attempt_state)s::text = 'unknown' THEN NULL
            WHEN %(holder)s::text = 'worker' THEN %(cost_usd_micros)s::bigint
            ELSE coalesce(%(cost_usd_micros)s::bigint, t.cost_usd_micros)
        END,
        failure_code = %(failure_code)s::text,
        submitted_at = CASE WHEN %(stage)s::text = 'generating' THEN now() ELSE t.submitted_at END
    FROM advanced AS a
    WHERE t.job_id = a.id AND t.attempt = a.attempt AND %(holder)s::text <> 'owner'
),
acted AS (
    INSERT INTO actions (id, actor, action, user_id, job_id)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'cancel', a.user_id, a.id FROM advanced AS a WHERE %(holder)s::text = 'owner'
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT e.id, e.sequence, e.status, e.stage, e.progress, %(message)s::text, e.failure, e.user_id, %(facts)s::jsonb
    FROM advanced AS e
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, o.value, o.headers
    FROM unnest(
        %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
        %(headers)s::jsonb[]
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, place)
    CROSS JOIN advanced AS e
    ORDER BY o.place
)
SELECT
    pg_notify(current_schema() || '_outbox', '')::text AS notified,
    CASE WHEN a.stage = 'cancelling' THEN pg_notify(current_schema() || '_cancel', a.id::text)::text END AS told
FROM advanced AS a;

-- name: requeue_job
-- Gives a run's job back to the queue. One that waits for a later time gives its place to the user's next.
WITH requeued AS (
    UPDATE jobs AS j
    SET
        status = 'queued', stage = %(stage)s::text, progress = %(progress)s::smallint, sequence = %(sequence)s::bigint,
        retry_count = %(retry_count)s::integer, images = %(images)s::jsonb, spec = %(spec)s::jsonb, lane = %(lane)s::text,
        route = %(route)s::jsonb, price_id = %(price_id)s::text, scheduled_at = %(scheduled_at)s::timestamptz,
        gate = CASE WHEN %(scheduled_at)s::timestamptz > now() THEN 'scheduled' ELSE 'open' END,
        virtual_start = CASE
            WHEN j.lane = %(lane)s::text THEN j.virtual_start
            ELSE coalesce((SELECT l.virtual_time FROM lanes AS l WHERE l.lane = %(lane)s::text), 0)
        END,
        lease_until = NULL, worker = ''
    WHERE j.id = %(id)s::uuid AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer
        AND j.sequence = %(sequence)s::bigint - 1
        AND CASE %(holder)s::text
            WHEN 'worker' THEN j.lease_until > now() WHEN 'heir' THEN j.lease_until <= now() ELSE true END
    RETURNING j.id, j.attempt, j.user_id, j.status, j.stage, j.progress, j.sequence, j.failure, j.gate
),
called AS (
    UPDATE attempts AS t
    SET
        state = %(attempt_state)s::text,
        outcome = coalesce(
            %(outcome)s::text, t.outcome,
            CASE WHEN %(attempt_state)s::text = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(%(provider_request_id)s::text, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN %(attempt_state)s::text = 'unknown' THEN NULL
            WHEN %(holder)s::text = 'worker' THEN %(cost_usd_micros)s::bigint
            ELSE coalesce(%(cost_usd_micros)s::bigint, t.cost_usd_micros)
        END,
        failure_code = %(failure_code)s::text,
        ended_at = now()
    FROM requeued AS r
    WHERE t.job_id = r.id AND t.attempt = r.attempt
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) AS max_running, c.places_taken
    FROM requeued AS e
    JOIN credit_accounts AS c ON c.user_id = e.user_id
    JOIN plans AS p ON p.id = c.plan
    WHERE e.gate <> 'open'
    FOR NO KEY UPDATE OF c
),
next AS MATERIALIZED (
    SELECT j.id
    FROM requeued AS e
    JOIN account AS a ON a.user_id = e.user_id AND coalesce(a.places_taken <= a.max_running, true)
    JOIN jobs AS j ON j.user_id = e.user_id
    WHERE e.gate <> 'open' AND j.status = 'queued' AND j.gate = 'capped'
    ORDER BY j.priority, j.virtual_start, j.id
    LIMIT 1
    FOR NO KEY UPDATE OF j SKIP LOCKED
),
opened AS (
    UPDATE jobs AS j SET gate = 'open' FROM next AS n WHERE j.id = n.id RETURNING j.lane
),
balance AS (
    UPDATE credit_accounts AS c
    SET places_taken = c.places_taken - 1 + (SELECT count(*) FROM opened)
    FROM account AS a
    WHERE c.user_id = a.user_id
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT e.id, e.sequence, e.status, e.stage, e.progress, %(message)s::text, e.failure, e.user_id, %(facts)s::jsonb
    FROM requeued AS e
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, o.value, o.headers
    FROM unnest(
        %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
        %(headers)s::jsonb[]
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, place)
    CROSS JOIN requeued AS e
    ORDER BY o.place
)
SELECT
    pg_notify(current_schema() || '_outbox', '')::text AS notified,
    (SELECT count(pg_notify(current_schema() || '_runnable', o.lane)) FROM opened AS o) AS opened
FROM requeued;

-- name: end_job
-- Ends a job and settles its round: captures what was delivered, releases the rest, books what the provider charges, takes
-- the reservations of budgets back to what was used, and gives its place to the user's next job.
WITH ended AS (
    UPDATE jobs AS j
    SET
        status = %(status)s::text, stage = 'done', progress = %(progress)s::smallint, sequence = %(sequence)s::bigint,
        images = %(images)s::jsonb, failure = %(failure)s::jsonb, captured_credits = %(captured)s::bigint,
        cancel_requested_at = %(cancel_requested_at)s::timestamptz, ended_at = %(ended_at)s::timestamptz,
        lease_until = NULL, worker = ''
    WHERE j.id = %(id)s::uuid AND j.status = %(from_status)s::text AND j.attempt = %(attempt)s::integer
        AND j.sequence = %(sequence)s::bigint - 1
        AND CASE %(holder)s::text
            WHEN 'worker' THEN j.lease_until > now() WHEN 'heir' THEN j.lease_until <= now() ELSE true END
    RETURNING
        j.id, j.attempt, j.round, j.user_id, j.job_type, j.spec, j.images, j.cost_credits, j.captured_credits AS captured,
        j.cost_credits - j.captured_credits AS released, j.gate, j.status, j.stage, j.progress, j.sequence, j.failure,
        j.started_at, j.ended_at
),
called AS (
    UPDATE attempts AS t
    SET
        state = %(attempt_state)s::text,
        outcome = coalesce(
            %(outcome)s::text, t.outcome,
            CASE WHEN %(attempt_state)s::text = 'abandoned' AND t.submitted_at IS NOT NULL THEN 'unknown' END),
        provider_request_id = coalesce(nullif(%(provider_request_id)s::text, ''), t.provider_request_id),
        cost_usd_micros = CASE
            WHEN %(attempt_state)s::text = 'unknown' THEN NULL
            WHEN %(holder)s::text = 'worker' THEN %(cost_usd_micros)s::bigint
            ELSE coalesce(%(cost_usd_micros)s::bigint, t.cost_usd_micros)
        END,
        failure_code = %(failure_code)s::text,
        ended_at = now()
    FROM ended AS e
    WHERE t.job_id = e.id AND t.attempt = e.attempt AND %(from_status)s::text = 'processing'
    RETURNING t.attempt, t.outcome, t.cost_usd_micros, t.submitted_at
),
-- What the runs of the round cost us, and whether a call is among them whose cost nobody knows.
cost AS MATERIALIZED (
    SELECT
        coalesce(sum(r.cost_usd_micros), 0)::bigint AS usd_micros,
        coalesce(bool_or(
            r.cost_usd_micros IS NULL AND r.submitted_at IS NOT NULL AND r.outcome IS DISTINCT FROM 'not_sent'
        ), false) AS is_unknown
    FROM (
        SELECT c.outcome, c.cost_usd_micros, c.submitted_at FROM called AS c
        UNION ALL
        SELECT t.outcome, t.cost_usd_micros, t.submitted_at
        FROM ended AS e
        JOIN attempts AS t ON t.job_id = e.id AND t.round = e.round
        WHERE t.attempt < e.attempt OR %(from_status)s::text = 'queued'
    ) AS r
),
account AS MATERIALIZED (
    SELECT c.user_id, coalesce(c.max_running, p.max_running) AS max_running, c.places_taken
    FROM ended AS e
    JOIN credit_accounts AS c ON c.user_id = e.user_id
    JOIN plans AS p ON p.id = c.plan
    FOR NO KEY UPDATE OF c
),
next AS MATERIALIZED (
    SELECT j.id
    FROM ended AS e
    JOIN account AS a ON a.user_id = e.user_id AND coalesce(a.places_taken <= a.max_running, true)
    JOIN jobs AS j ON j.user_id = e.user_id
    WHERE e.gate = 'open' AND j.status = 'queued' AND j.gate = 'capped'
    ORDER BY j.priority, j.virtual_start, j.id
    LIMIT 1
    FOR NO KEY UPDATE OF j SKIP LOCKED
),
opened AS (
    UPDATE jobs AS j SET gate = 'open' FROM next AS n WHERE j.id = n.id RETURNING j.lane
),
settlement AS MATERIALIZED (
    SELECT s.transfer_id, s.kind, s.account, s.account_user_id, s.credits, e.id AS job_id, e.round, e.user_id
    FROM ended AS e
    CROSS JOIN LATERAL (VALUES
        (%(capture_id)s::uuid, 'capture', 'platform_revenue', NULL::uuid, e.captured),
        (%(release_id)s::uuid, 'release', 'user_available', e.user_id, e.released)
    ) AS s (transfer_id, kind, account, account_user_id, credits)
    WHERE s.credits > 0
),
transfer AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id, round)
    SELECT s.transfer_id, s.kind, s.user_id, s.job_id, s.round FROM settlement AS s
    UNION ALL
    SELECT %(cost_id)s::uuid, 'provider_cost', e.user_id, e.id, e.round
    FROM ended AS e
    JOIN cost AS c ON c.usd_micros > 0
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits, usd_micros)
    SELECT s.transfer_id, 1::smallint, 'user_held', s.user_id, -s.credits, 0 FROM settlement AS s
    UNION ALL
    SELECT s.transfer_id, 2::smallint, s.account, s.account_user_id, s.credits, 0 FROM settlement AS s
    UNION ALL
    SELECT %(cost_id)s::uuid, x.line, x.account, NULL, 0, x.sign * c.usd_micros
    FROM ended AS e
    JOIN cost AS c ON c.usd_micros > 0
    CROSS JOIN (VALUES (1::smallint, 'provider_cost', 1), (2::smallint, 'payments', -1)) AS x (line, account, sign)
),
-- What is released counts against the day on which it was held.
balance AS (
    UPDATE credit_accounts AS c
    SET
        held = c.held - e.cost_credits, available = c.available + e.released, open_jobs = c.open_jobs - 1,
        places_taken = c.places_taken - (e.gate = 'open')::integer + (SELECT count(*) FROM opened),
        spent_today = c.spent_today - CASE WHEN e.released > 0 AND c.spent_on = (
            SELECT (t.created_at AT TIME ZONE 'UTC')::date
            FROM ledger_transfers AS t
            WHERE t.job_id = e.id AND t.round = e.round AND t.kind = 'hold'
        ) THEN e.released ELSE 0 END
    FROM ended AS e
    JOIN account AS a ON a.user_id = e.user_id
    WHERE c.user_id = a.user_id
),
reservation AS MATERIALIZED (
    SELECT
        b.id AS budget_id, r.job_id, r.round, r.period_start, r.amount,
        CASE WHEN b.unit = 'credits' THEN e.captured WHEN c.is_unknown THEN r.amount ELSE c.usd_micros END AS used
    FROM ended AS e
    JOIN account AS a ON a.user_id = e.user_id
    JOIN budget_reservations AS r ON r.job_id = e.id AND r.round = e.round
    JOIN budgets AS b ON b.id = r.budget_id
    CROSS JOIN cost AS c
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
    SET used = b.used + s.used - s.amount
    FROM reservation AS s
    WHERE b.id = s.budget_id AND b.period_start = s.period_start AND s.used <> s.amount
),
counted AS (
    INSERT INTO job_stats AS s (user_id, day, model, job_type, status, jobs, images, run_seconds, credits)
    SELECT
        e.user_id, (e.ended_at AT TIME ZONE 'UTC')::date, e.spec ->> 'model', e.job_type, e.status, 1,
        jsonb_array_length(e.images), greatest(coalesce(extract(epoch FROM e.ended_at - e.started_at), 0), 0), e.captured
    FROM ended AS e
    JOIN account AS a ON a.user_id = e.user_id
    ON CONFLICT (user_id, day, model, job_type, status) DO UPDATE SET
        jobs = s.jobs + 1, images = s.images + excluded.images, run_seconds = s.run_seconds + excluded.run_seconds,
        credits = s.credits + excluded.credits
),
acted AS (
    INSERT INTO actions (id, actor, action, user_id, job_id)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'cancel', e.user_id, e.id FROM ended AS e WHERE %(holder)s::text = 'owner'
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, failure, user_id, facts)
    SELECT e.id, e.sequence, e.status, e.stage, e.progress, %(message)s::text, e.failure, e.user_id, %(facts)s::jsonb
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
SELECT
    pg_notify(current_schema() || '_outbox', '')::text AS notified,
    (SELECT count(pg_notify(current_schema() || '_runnable', o.lane)) FROM opened AS o) AS opened
FROM ended;
