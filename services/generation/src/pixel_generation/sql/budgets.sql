-- name: set_budget
-- Creates a budget or changes its limit; its used amount is kept.
WITH made AS (
    INSERT INTO budgets AS b (id, scope, subject, period, unit, limit_amount)
    VALUES (
        %(id)s::uuid, %(scope)s::text, %(subject)s::text, %(period)s::text, %(unit)s::text, %(limit_amount)s::bigint)
    ON CONFLICT (scope, subject, period, unit) DO UPDATE SET limit_amount = excluded.limit_amount
    RETURNING b.id, b.scope, b.subject, b.period, b.unit, b.limit_amount, b.used, b.period_start
),
noted AS (
    INSERT INTO actions (id, actor, action, metadata)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'set_budget',
        jsonb_build_object(
            'budget_id', m.id, 'scope', m.scope, 'subject', m.subject, 'period', m.period, 'unit', m.unit,
            'limit_amount', m.limit_amount)
    FROM made AS m
)
SELECT
    m.id, m.scope, m.subject, m.period, m.unit, m.limit_amount,
    CASE WHEN m.period_start >= p.started THEN m.used ELSE 0 END AS used,
    greatest(m.period_start, p.started) AS period_start
FROM made AS m
CROSS JOIN LATERAL (SELECT CASE m.period
    WHEN 'day' THEN (now() AT TIME ZONE 'UTC')::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
    ELSE '1970-01-01'
END AS started) AS p;

-- name: list_budgets
-- Budgets by scope and subject, with the amount used in the current period.
SELECT
    b.id, b.scope, b.subject, b.period, b.unit, b.limit_amount,
    CASE WHEN b.period_start >= p.started THEN b.used ELSE 0 END AS used,
    greatest(b.period_start, p.started) AS period_start
FROM budgets AS b
CROSS JOIN LATERAL (SELECT CASE b.period
    WHEN 'day' THEN (now() AT TIME ZONE 'UTC')::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
    ELSE '1970-01-01'
END AS started) AS p
WHERE (%(scope)s::text IS NULL OR b.scope = %(scope)s::text)
    AND (%(subject)s::text IS NULL OR b.subject = %(subject)s::text)
ORDER BY b.scope, b.subject, b.period, b.unit
LIMIT %(limit)s::integer;

-- name: delete_budget
-- Deletes a budget; its reservations are settled without it.
WITH gone AS (
    DELETE FROM budgets AS b WHERE b.id = %(id)s::uuid RETURNING b.id, b.scope, b.subject, b.period, b.unit
),
noted AS (
    INSERT INTO actions (id, actor, action, metadata)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'delete_budget',
        jsonb_build_object(
            'budget_id', g.id, 'scope', g.scope, 'subject', g.subject, 'period', g.period, 'unit', g.unit)
    FROM gone AS g
)
SELECT g.id FROM gone AS g;

-- name: move_reservations
-- Moves the reservations of a job's round to the provider of its current queue; when a budget has not enough left,
-- returns that budget and changes nothing. Runs after the change of the job in one transaction, so that the lock on the
-- job is taken first.
WITH moved AS MATERIALIZED (
    SELECT j.id, j.round, j.user_id, j.api_key_id, j.cost_credits, l.provider
    FROM live_jobs AS j
    JOIN queues AS l ON l.queue = j.queue
    WHERE j.id = %(job_id)s::uuid
),
scoped AS MATERIALIZED (
    SELECT s.scope, s.subject
    FROM moved AS m
    CROSS JOIN LATERAL (VALUES
        ('platform', ''), ('provider', m.provider), ('user', replace(m.user_id::text, '-', '')),
        ('key', replace(m.api_key_id::text, '-', ''))
    ) AS s (scope, subject)
    WHERE s.subject IS NOT NULL
),
before AS MATERIALIZED (
    SELECT r.budget_id, r.period_start, r.amount
    FROM moved AS m
    JOIN budget_reservations AS r ON r.job_id = m.id AND r.round = m.round
),
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
    WHERE b.id = ANY (ARRAY(
        SELECT k.id FROM budgets AS k WHERE (k.scope, k.subject) IN (SELECT s.scope, s.subject FROM scoped AS s)
        UNION
        SELECT r.budget_id FROM before AS r))
    ORDER BY b.id
    FOR NO KEY UPDATE OF b
),
-- Reservations of a past period stay there and do not count in the current one.
wanted AS MATERIALIZED (
    SELECT
        b.id, b.scope, b.period, b.limit_amount, b.period_start, b.used, s.scope IS NOT NULL AS applies,
        CASE b.unit WHEN 'credits' THEN m.cost_credits ELSE %(cost_usd_micros)s::bigint END AS amount,
        CASE WHEN r.period_start = b.period_start THEN r.amount ELSE 0 END AS reserved,
        r.budget_id IS NOT NULL AND r.period_start < b.period_start AS is_past
    FROM budget AS b
    CROSS JOIN moved AS m
    LEFT JOIN scoped AS s ON s.scope = b.scope AND s.subject = b.subject
    LEFT JOIN before AS r ON r.budget_id = b.id
),
refused AS MATERIALIZED (
    SELECT w.scope, w.period, w.limit_amount, w.amount IS NULL AS is_unpriced
    FROM wanted AS w
    WHERE w.applies AND NOT w.is_past
        AND (w.amount IS NULL OR w.amount > w.reserved AND w.used + w.amount - w.reserved > w.limit_amount)
    ORDER BY w.amount IS NULL DESC, w.id
    LIMIT 1
),
change AS MATERIALIZED (
    SELECT w.id, w.period_start, w.used, w.reserved, CASE WHEN w.applies THEN w.amount END AS amount
    FROM wanted AS w
    WHERE NOT w.is_past AND NOT EXISTS (SELECT 1 FROM refused)
),
reservation AS (
    INSERT INTO budget_reservations AS r (job_id, round, budget_id, period_start, amount)
    SELECT m.id, m.round, c.id, c.period_start, c.amount FROM change AS c CROSS JOIN moved AS m WHERE c.amount IS NOT NULL
    ON CONFLICT (job_id, round, budget_id) DO UPDATE SET amount = excluded.amount
),
dropped AS (
    DELETE FROM budget_reservations AS r
    USING change AS c, moved AS m
    WHERE r.job_id = m.id AND r.round = m.round AND r.budget_id = c.id AND c.amount IS NULL
),
spent AS (
    UPDATE budgets AS b
    SET used = c.used + coalesce(c.amount, 0) - c.reserved, period_start = c.period_start
    FROM change AS c
    WHERE b.id = c.id
)
SELECT r.scope, r.period, r.limit_amount, r.is_unpriced FROM refused AS r;
