-- name: grant_credits
-- Gives credits once per user and grant id; returns the balance either way.
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
    INSERT INTO credit_accounts AS c (user_id, available)
    SELECT %(user_id)s::uuid, %(credits)s::bigint FROM granted
    ON CONFLICT (user_id) DO UPDATE SET available = c.available + excluded.available
    RETURNING c.available
)
SELECT
    EXISTS (SELECT 1 FROM granted) AS granted,
    coalesce(
        (SELECT c.available FROM credited AS c),
        (SELECT c.available FROM credit_accounts AS c WHERE c.user_id = %(user_id)s::uuid), 0) AS available;

-- name: get_balance
-- Credits of one user.
SELECT c.available, c.held FROM credit_accounts AS c WHERE c.user_id = %(user_id)s::uuid;
