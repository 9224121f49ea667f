-- name: grant_credits
-- Grants credits once per user and grant id; returns the balance in both cases.
WITH granted AS (
    INSERT INTO ledger_transfers (id, kind, user_id, grant_id, memo)
    VALUES (%(transfer_id)s::uuid, 'grant', %(user_id)s::uuid, %(grant_id)s::text, %(memo)s::text)
    ON CONFLICT (user_id, grant_id) DO NOTHING
    RETURNING id
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT g.id, e.line, e.account, e.user_id, e.credits
    FROM granted AS g
    CROSS JOIN (VALUES
        (1::smallint, 'promotions', NULL::uuid, -%(credits)s::bigint),
        (2::smallint, 'user_available', %(user_id)s::uuid, %(credits)s::bigint)
    ) AS e (line, account, user_id, credits)
),
credited AS (
    INSERT INTO accounts AS c (user_id, available)
    SELECT %(user_id)s::uuid, %(credits)s::bigint FROM granted
    ON CONFLICT (user_id) DO UPDATE SET available = c.available + excluded.available
    RETURNING c.available
)
SELECT
    EXISTS (SELECT 1 FROM granted) AS granted,
    coalesce(
        (SELECT c.available FROM credited AS c),
        (SELECT c.available FROM accounts AS c WHERE c.user_id = %(user_id)s::uuid), 0) AS available;

-- name: lock_account
-- Locks a user's account, created when missing, for the next statements of the transaction.
INSERT INTO accounts AS c (user_id) VALUES (%(user_id)s::uuid)
ON CONFLICT (user_id) DO UPDATE SET available = c.available;

-- name: adjust_credits
-- Adds or deducts credits of a locked account once per adjustment id, never below zero; returns whether it is made, now
-- or before, and whether its id was used for another adjustment.
WITH account AS MATERIALIZED (
    SELECT c.available FROM accounts AS c WHERE c.user_id = %(user_id)s::uuid
),
made AS (
    INSERT INTO ledger_transfers (id, kind, user_id, grant_id, memo, actor)
    SELECT %(transfer_id)s::uuid, 'adjustment', %(user_id)s::uuid, 'adjustment:' || %(adjustment_id)s::text,
        %(reason)s::text, %(actor)s::text
    WHERE coalesce((SELECT a.available FROM account AS a), 0) + %(credits)s::bigint >= 0
    ON CONFLICT (user_id, grant_id) DO NOTHING
    RETURNING id
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT m.id, e.line, e.account, e.user_id, e.credits
    FROM made AS m
    CROSS JOIN (VALUES
        (1::smallint, 'promotions', NULL::uuid, -%(credits)s::bigint),
        (2::smallint, 'user_available', %(user_id)s::uuid, %(credits)s::bigint)
    ) AS e (line, account, user_id, credits)
),
changed AS (
    INSERT INTO accounts AS c (user_id, available)
    SELECT %(user_id)s::uuid, greatest(%(credits)s::bigint, 0) FROM made
    ON CONFLICT (user_id) DO UPDATE SET available = c.available + %(credits)s::bigint
    RETURNING c.available
),
noted AS (
    INSERT INTO actions (id, actor, action, user_id, metadata)
    SELECT m.id, %(actor)s::text, 'adjust_credits', %(user_id)s::uuid,
        jsonb_build_object(
            'credits', %(credits)s::bigint, 'adjustment_id', %(adjustment_id)s::text, 'reason', %(reason)s::text)
    FROM made AS m
)
SELECT
    EXISTS (SELECT 1 FROM made) AS adjusted,
    o.id IS NOT NULL AS was_adjusted,
    coalesce(o.memo <> %(reason)s::text OR o.credits <> %(credits)s::bigint, false) AS was_other,
    coalesce((SELECT c.available FROM changed AS c), (SELECT a.available FROM account AS a), 0) AS available
FROM (SELECT) AS one
LEFT JOIN (
    SELECT t.id, t.memo, e.credits
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'user_available'
    WHERE t.user_id = %(user_id)s::uuid AND t.grant_id = 'adjustment:' || %(adjustment_id)s::text
) AS o ON true;

-- name: find_capture
-- The newest capture of a job, its refunded amount, and whether the job exists.
SELECT t.user_id, t.round, c.credits AS captured, coalesce(f.credits, 0) AS refunded
FROM ledger_transfers AS t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.credits), 0)::bigint AS credits
    FROM ledger_transfers AS p
    JOIN ledger_entries AS e ON e.transfer_id = p.id AND e.account = 'platform_revenue'
    WHERE p.job_id = t.job_id AND p.round = t.round AND p.kind = 'capture'
) AS c
LEFT JOIN LATERAL (
    SELECT sum(e.credits)::bigint AS credits
    FROM ledger_transfers AS p
    JOIN ledger_entries AS e ON e.transfer_id = p.id AND e.account = 'user_available'
    WHERE p.job_id = t.job_id AND p.round = t.round AND p.kind = 'refund'
) AS f ON true
WHERE t.job_id = %(job_id)s::uuid AND t.kind = 'hold'
ORDER BY c.credits > 0 DESC, t.round DESC
LIMIT 1;

-- name: refund_round
-- Refunds captured credits of a round, once per refund.
WITH made AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id, round, memo, actor)
    VALUES (
        %(transfer_id)s::uuid, 'refund', %(user_id)s::uuid, %(job_id)s::uuid, %(round)s::integer, %(reason)s::text,
        %(actor)s::text)
    ON CONFLICT (job_id, round, kind) DO NOTHING
    RETURNING id
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT m.id, e.line, e.account, e.user_id, e.credits
    FROM made AS m
    CROSS JOIN (VALUES
        (1::smallint, 'platform_revenue', NULL::uuid, -%(credits)s::bigint),
        (2::smallint, 'user_available', %(user_id)s::uuid, %(credits)s::bigint)
    ) AS e (line, account, user_id, credits)
),
credited AS (
    UPDATE accounts AS c
    SET available = c.available + %(credits)s::bigint
    FROM made
    WHERE c.user_id = %(user_id)s::uuid
),
noted AS (
    INSERT INTO actions (id, actor, action, user_id, job_id, metadata)
    SELECT m.id, %(actor)s::text, 'refund', %(user_id)s::uuid, %(job_id)s::uuid,
        jsonb_build_object(
            'credits', %(credits)s::bigint, 'round', %(round)s::integer, 'reason', %(reason)s::text)
    FROM made AS m
)
SELECT m.id FROM made AS m;

-- name: get_balance
-- Credits of one user.
SELECT c.available, c.held FROM accounts AS c WHERE c.user_id = %(user_id)s::uuid;
