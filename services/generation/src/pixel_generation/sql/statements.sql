-- name: list_transactions
-- A page of the user's transfers, newest first, filtered from a bounded window.
SELECT
    t.id, t.kind, t.job_id, t.round, t.memo, t.created_at,
    coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_available'), 0)::bigint AS available,
    coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0)::bigint AS held
FROM (
    SELECT f.id, f.kind, f.job_id, f.round, f.memo, f.created_at
    FROM (
        SELECT n.id, n.kind, n.job_id, n.round, n.memo, n.created_at
        FROM ledger_transfers AS n
        WHERE n.user_id = %(user_id)s::uuid AND n.id < %(before)s::uuid
        ORDER BY n.id DESC
        LIMIT %(window)s::integer
    ) AS f
    WHERE f.kind = ANY (%(kinds)s::text[])
    ORDER BY f.id DESC
    LIMIT %(limit)s::integer
) AS t
JOIN ledger_entries AS e ON e.transfer_id = t.id
GROUP BY t.id, t.kind, t.job_id, t.round, t.memo, t.created_at
ORDER BY t.id DESC;

-- name: find_end_of_transaction_window
-- The last transfer in the window of a page, when there are more after it.
SELECT n.id
FROM ledger_transfers AS n
WHERE n.user_id = %(user_id)s::uuid AND n.id < %(before)s::uuid
ORDER BY n.id DESC
OFFSET %(window)s::integer - 1
LIMIT 1;

-- name: list_transactions_of_job
-- A page of the user's transfers of one generation, newest first.
SELECT
    t.id, t.kind, t.job_id, t.round, t.memo, t.created_at,
    coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_available'), 0)::bigint AS available,
    coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0)::bigint AS held
FROM ledger_transfers AS t
JOIN ledger_entries AS e ON e.transfer_id = t.id
WHERE t.job_id = %(job_id)s::uuid AND t.user_id = %(user_id)s::uuid AND t.id < %(before)s::uuid
    AND t.kind = ANY (%(kinds)s::text[])
GROUP BY t.id
ORDER BY t.id DESC
LIMIT %(limit)s::integer;

-- name: sum_usage
-- Captured minus refunded credits grouped by up to three fields, largest first, with the number of transfers read.
-- Ids grow with time, so a range of ids bounds the scan before created_at is compared.
WITH settled AS MATERIALIZED (
    SELECT t.id, t.kind, t.job_id, t.created_at
    FROM ledger_transfers AS t
    WHERE t.user_id = %(user_id)s::uuid AND t.id >= %(first_id)s::uuid AND t.id < %(last_id)s::uuid
        AND t.created_at >= %(start)s::timestamptz AND t.created_at < %(end)s::timestamptz
        AND t.kind IN ('capture', 'release', 'refund')
    LIMIT %(most)s::integer + 1
),
spent AS (
    SELECT
        s.job_id, s.kind, g.words,
        CASE s.kind WHEN 'capture' THEN jsonb_array_length(j.outputs) ELSE 0 END AS outputs,
        (
            SELECT coalesce(
                sum(CASE
                    WHEN s.kind = 'capture' AND e.account = 'user_held' THEN -e.credits
                    WHEN s.kind = 'refund' AND e.account = 'user_available' THEN -e.credits
                END), 0)
            FROM ledger_entries AS e WHERE e.transfer_id = s.id
        ) AS credits
    FROM settled AS s
    LEFT JOIN stored_jobs AS j ON j.id = s.job_id
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(CASE d.name
            WHEN 'api_key' THEN 'key_' || replace(j.api_key_id::text, '-', '')
            WHEN 'end_user' THEN j.end_user
            WHEN 'model' THEN j.work ->> 'model'
            WHEN 'day' THEN to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            ELSE j.metadata ->> substr(d.name, length('metadata.') + 1) END, '') ORDER BY d.place) AS words
        FROM unnest(%(group_by)s::text[]) WITH ORDINALITY AS d (name, place)
    ) AS g
)
SELECT
    p.words, count(DISTINCT p.job_id) FILTER (WHERE p.kind <> 'refund') AS generations,
    coalesce(sum(p.outputs), 0)::bigint AS outputs, coalesce(sum(p.credits), 0)::bigint AS credits,
    sum(sum(p.credits)) OVER ()::bigint AS total_credits, (SELECT count(*) FROM settled) AS transfers
FROM spent AS p
GROUP BY p.words
ORDER BY credits DESC, p.words
LIMIT %(limit)s::integer;
