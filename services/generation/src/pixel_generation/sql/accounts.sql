-- name: get_account
-- Credits and limits of one user; a user without an account has those of the first plan.
SELECT
    coalesce(c.available, 0) AS available, coalesce(c.held, 0) AS held, p.id AS plan,
    coalesce(c.daily_limit, p.daily_credits) AS daily_limit,
    CASE WHEN c.spent_on = d.today THEN c.spent_today ELSE 0 END AS spent_today,
    (d.today + 1)::timestamp AT TIME ZONE 'UTC' AS reset_at, coalesce(c.open_jobs, 0) AS open_jobs, p.max_open_jobs,
    coalesce(c.max_running, p.max_running) AS max_running
FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS d
LEFT JOIN accounts AS c ON c.user_id = %(user_id)s::uuid
JOIN plans AS p ON p.id = coalesce(c.plan, 'free');

-- name: update_account
-- Sets plan and limits of a user; no row when the plan does not exist. Held jobs are released by the sweep when the
-- limit rises.
WITH wanted AS (
    SELECT p.id FROM plans AS p WHERE p.id = coalesce(%(plan)s::text, p.id) LIMIT 1
),
changed AS (
    INSERT INTO accounts AS c (user_id, plan, daily_limit, max_running)
    SELECT %(user_id)s::uuid, coalesce(%(plan)s::text, 'free'), %(daily_limit)s::bigint, %(max_running)s::integer
    FROM wanted
    ON CONFLICT (user_id) DO UPDATE SET
        plan = coalesce(%(plan)s::text, c.plan),
        daily_limit = CASE WHEN %(sets_daily_limit)s::boolean THEN %(daily_limit)s::bigint ELSE c.daily_limit END,
        max_running = CASE WHEN %(sets_max_running)s::boolean THEN %(max_running)s::integer ELSE c.max_running END
    RETURNING c.user_id, c.plan, c.daily_limit, c.max_running
),
noted AS (
    INSERT INTO actions (id, actor, action, user_id, metadata)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'update_account', c.user_id,
        jsonb_build_object('plan', c.plan, 'daily_limit', c.daily_limit, 'max_running', c.max_running)
    FROM changed AS c
)
SELECT c.user_id FROM changed AS c;
