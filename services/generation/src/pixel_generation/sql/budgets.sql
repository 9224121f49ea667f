-- name: set_budget
-- Creates a budget or changes its limit; what is used stays.
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
-- Budgets by scope and subject, with what is used in the present period.
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
-- Removes a budget; reservations under it are settled without it.
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
