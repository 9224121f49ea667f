-- name: create_promotion
-- Adds a promotion code and returns it; no row when it exists.
WITH made AS (
    INSERT INTO promotions (code, credits, max_uses, ends_at)
    VALUES (%(code)s::text, %(credits)s::bigint, %(max_uses)s::integer, %(ends_at)s::timestamptz)
    ON CONFLICT (code) DO NOTHING
    RETURNING code, credits, max_uses, used, ends_at, created_at
),
noted AS (
    INSERT INTO actions (id, actor, action, metadata)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'create_promotion',
        jsonb_build_object(
            'code', m.code, 'credits', %(credits)s::bigint, 'max_uses', %(max_uses)s::integer,
            'ends_at', %(ends_at)s::timestamptz)
    FROM made AS m
)
SELECT m.code, m.credits, m.max_uses, m.used, m.ends_at, m.created_at FROM made AS m;

-- name: list_promotions
-- A page of promotions by code.
SELECT p.code, p.credits, p.max_uses, p.used, p.ends_at, p.created_at
FROM promotions AS p
WHERE p.code > %(after)s::text
ORDER BY p.code
LIMIT %(limit)s::integer;

-- name: lock_promotion
-- Locks a promotion, so that its redemptions and its end are serialized.
SELECT p.code FROM promotions AS p WHERE p.code = %(code)s::text FOR NO KEY UPDATE;

-- name: end_promotion
-- Ends a locked promotion unless it has ended, and returns it. Its end is the time of this statement, not of its
-- transaction, which may have waited for the lock.
WITH ended AS (
    UPDATE promotions AS p
    SET ends_at = statement_timestamp()
    WHERE p.code = %(code)s::text AND (p.ends_at IS NULL OR p.ends_at > statement_timestamp())
    RETURNING p.code, p.ends_at
),
noted AS (
    INSERT INTO actions (id, actor, action, metadata)
    SELECT %(action_id)s::uuid, %(actor)s::text, 'end_promotion', jsonb_build_object('code', e.code)
    FROM ended AS e
)
SELECT p.code, p.credits, p.max_uses, p.used, coalesce(e.ends_at, p.ends_at) AS ends_at, p.created_at
FROM promotions AS p
LEFT JOIN ended AS e ON e.code = p.code
WHERE p.code = %(code)s::text;

-- name: redeem_promotion
-- Grants the credits of a locked promotion once to a user before its end; a redemption that waited for the lock past
-- the end is refused.
WITH given AS (
    INSERT INTO ledger_transfers (id, kind, user_id, grant_id, memo)
    SELECT %(transfer_id)s::uuid, 'promotion', %(user_id)s::uuid, 'promotion:' || p.code, p.code
    FROM promotions AS p
    WHERE p.code = %(code)s::text AND (p.ends_at IS NULL OR p.ends_at > statement_timestamp())
        AND (p.max_uses IS NULL OR p.used < p.max_uses)
    ON CONFLICT (user_id, grant_id) DO NOTHING
    RETURNING id
),
counted AS (
    UPDATE promotions AS p SET used = p.used + 1 FROM given WHERE p.code = %(code)s::text RETURNING p.credits
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT g.id, e.line, e.account, e.user_id, e.sign * c.credits
    FROM given AS g
    CROSS JOIN counted AS c
    CROSS JOIN (VALUES
        (1::smallint, 'promotions', NULL::uuid, -1), (2::smallint, 'user_available', %(user_id)s::uuid, 1)
    ) AS e (line, account, user_id, sign)
),
credited AS (
    INSERT INTO accounts AS a (user_id, available)
    SELECT %(user_id)s::uuid, c.credits FROM counted AS c
    ON CONFLICT (user_id) DO UPDATE SET available = a.available + excluded.available
    RETURNING a.available
)
SELECT
    p.credits,
    EXISTS (SELECT 1 FROM given) AS redeemed,
    EXISTS (
        SELECT 1 FROM ledger_transfers AS t
        WHERE t.user_id = %(user_id)s::uuid AND t.grant_id = 'promotion:' || p.code) AS was_redeemed,
    coalesce(
        (SELECT c.available FROM credited AS c),
        (SELECT a.available FROM accounts AS a WHERE a.user_id = %(user_id)s::uuid), 0) AS available
FROM promotions AS p
WHERE p.code = %(code)s::text;
