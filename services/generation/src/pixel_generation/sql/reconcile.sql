-- Each rule is one statement and one snapshot; it counts violations and names some.

-- name: allow_long_statements
-- A rule scans the whole ledger and needs more time than a request.
SELECT
    set_config('statement_timeout', '600s', true) AS statement_timeout,
    set_config('enable_seqscan', 'on', true) AS enable_seqscan;

-- name: check_transfers_sum_to_zero
-- Every transfer has entries, and they sum to 0 in each unit.
WITH broken AS (
    SELECT t.id::text AS subject
    FROM ledger_transfers AS t
    LEFT JOIN ledger_entries AS e ON e.transfer_id = t.id
    GROUP BY t.id
    HAVING count(e.line) < 2 OR sum(e.credits) <> 0 OR sum(e.usd_micros) <> 0
    UNION ALL
    SELECT e.transfer_id::text || ' has no transfer'
    FROM ledger_entries AS e
    WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers AS t WHERE t.id = e.transfer_id)
    GROUP BY e.transfer_id
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_accounts_sum_to_zero
-- All accounts together sum to 0 in each unit.
WITH broken AS (
    SELECT u.unit || ': ' || u.total AS subject
    FROM (SELECT sum(e.credits) AS credits, sum(e.usd_micros) AS usd_micros FROM ledger_entries AS e) AS s
    CROSS JOIN LATERAL (VALUES ('credits', s.credits), ('usd_micros', s.usd_micros)) AS u (unit, total)
    WHERE u.total <> 0
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_balances_equal_entries
-- Available and held credits of every user are the sums of their entries, and not negative.
WITH summed AS (
    SELECT
        e.user_id,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_available'), 0) AS available,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0) AS held
    FROM ledger_entries AS e
    WHERE e.user_id IS NOT NULL
    GROUP BY e.user_id
),
broken AS (
    SELECT coalesce(c.user_id, s.user_id)::text AS subject
    FROM accounts AS c
    FULL JOIN summed AS s ON s.user_id = c.user_id
    WHERE coalesce(c.available, 0) <> coalesce(s.available, 0) OR coalesce(c.held, 0) <> coalesce(s.held, 0)
        OR c.available < 0 OR c.held < 0
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_rounds_are_held_once
-- Every round of every job has exactly one hold, and no other round has one.
WITH holds AS (
    SELECT t.job_id, t.round, count(*) AS holds FROM ledger_transfers AS t WHERE t.kind = 'hold' GROUP BY t.job_id, t.round
),
rounds AS (
    SELECT j.id AS job_id, r.round FROM stored_jobs AS j CROSS JOIN LATERAL generate_series(1, j.round) AS r (round)
),
broken AS (
    SELECT r.job_id || ' round ' || r.round AS subject
    FROM rounds AS r
    LEFT JOIN holds AS h ON h.job_id = r.job_id AND h.round = r.round
    WHERE h.holds IS DISTINCT FROM 1
    UNION ALL
    SELECT h.job_id || ' round ' || h.round
    FROM holds AS h
    JOIN stored_jobs AS j ON j.id = h.job_id
    WHERE h.round > j.round
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_rounds_are_settled_once
-- The hold of an ended round equals its capture plus its release, each at most once; an open round has neither.
WITH money AS (
    SELECT
        t.job_id, t.round,
        coalesce(sum(e.credits) FILTER (WHERE t.kind = 'hold'), 0) AS held,
        coalesce(-sum(e.credits) FILTER (WHERE t.kind IN ('capture', 'release')), 0) AS settled,
        count(*) FILTER (WHERE t.kind = 'capture') AS captures,
        count(*) FILTER (WHERE t.kind = 'release') AS releases
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'user_held'
    WHERE t.job_id IS NOT NULL
    GROUP BY t.job_id, t.round
),
broken AS (
    SELECT m.job_id || ' round ' || m.round AS subject
    FROM money AS m
    JOIN stored_jobs AS j ON j.id = m.job_id
    WHERE m.captures > 1 OR m.releases > 1
        OR CASE WHEN m.round < j.round OR j.ended_at IS NOT NULL THEN m.settled <> m.held ELSE m.settled <> 0 END
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_ends_match_captures
-- A completed job has a capture, a failed one has none, and each row has the captured amount of its last round.
WITH captured AS (
    SELECT t.job_id, t.round, sum(e.credits) AS credits
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'platform_revenue'
    WHERE t.kind = 'capture'
    GROUP BY t.job_id, t.round
),
broken AS (
    SELECT j.id::text AS subject
    FROM stored_jobs AS j
    LEFT JOIN captured AS c ON c.job_id = j.id AND c.round = j.round
    WHERE j.ended_at IS NOT NULL
        AND (coalesce(c.credits, 0) <> j.captured_credits
            OR j.status = 'completed' AND c.credits IS NULL
            OR j.status = 'failed' AND c.credits IS NOT NULL)
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_refunds_stay_within_captures
-- No round has more refunded than captured.
WITH money AS (
    SELECT
        t.job_id, t.round,
        coalesce(-sum(e.credits) FILTER (WHERE t.kind = 'capture' AND e.account = 'user_held'), 0) AS captured,
        coalesce(sum(e.credits) FILTER (WHERE t.kind = 'refund' AND e.account = 'user_available'), 0) AS refunded
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id
    WHERE t.kind IN ('capture', 'refund')
    GROUP BY t.job_id, t.round
),
broken AS (
    SELECT m.job_id || ' round ' || m.round AS subject FROM money AS m WHERE m.refunded > m.captured
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_open_jobs_equal_counts
-- The open-jobs count of every account equals its open jobs.
WITH counted AS (
    SELECT j.user_id, count(*) AS jobs FROM live_jobs AS j WHERE j.status IN ('queued', 'processing') GROUP BY j.user_id
),
broken AS (
    SELECT coalesce(c.user_id, n.user_id) || ': ' || coalesce(c.open_jobs, 0) || ' counted, '
        || coalesce(n.jobs, 0) || ' open' AS subject
    FROM accounts AS c
    FULL JOIN counted AS n ON n.user_id = c.user_id
    WHERE coalesce(c.open_jobs, 0) <> coalesce(n.jobs, 0)
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_slots_taken_equal_counts
-- The slots-taken count of every account equals its running jobs plus its queued jobs that are not held.
WITH counted AS (
    SELECT j.user_id, count(*) AS jobs
    FROM live_jobs AS j
    WHERE j.status = 'processing' OR j.status = 'queued' AND j.hold_reason = 'open'
    GROUP BY j.user_id
),
broken AS (
    SELECT coalesce(c.user_id, n.user_id) || ': ' || coalesce(c.slots_taken, 0) || ' counted, '
        || coalesce(n.jobs, 0) || ' taken' AS subject
    FROM accounts AS c
    FULL JOIN counted AS n ON n.user_id = c.user_id
    WHERE coalesce(c.slots_taken, 0) <> coalesce(n.jobs, 0)
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_budgets_equal_reservations
-- The used amount of a budget is the sum of the reservations of its period. A past period counts as 0 and its
-- reservations are deleted.
WITH reserved AS (
    SELECT r.budget_id, r.period_start, sum(r.amount) AS amount
    FROM budget_reservations AS r
    GROUP BY r.budget_id, r.period_start
),
broken AS (
    SELECT b.scope || ' ' || b.subject || ': ' || b.used || ' used, ' || coalesce(r.amount, 0) || ' reserved' AS subject
    FROM budgets AS b
    LEFT JOIN reserved AS r ON r.budget_id = b.id AND r.period_start = b.period_start
    WHERE b.used <> coalesce(r.amount, 0)
        AND (b.period = 'total' OR b.period_start >= (now() AT TIME ZONE 'UTC')::date - 31)
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_provider_costs_equal_attempts
-- The booked provider cost of a round equals the recorded cost of its runs.
WITH booked AS (
    SELECT t.job_id, t.round, sum(e.usd_micros) AS usd_micros
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'provider_cost'
    WHERE t.kind = 'provider_cost'
    GROUP BY t.job_id, t.round
),
recorded AS (
    SELECT a.job_id, a.round, sum(a.cost_usd_micros) AS usd_micros
    FROM attempts AS a
    WHERE a.cost_usd_micros > 0
    GROUP BY a.job_id, a.round
),
broken AS (
    SELECT b.job_id || ' round ' || b.round AS subject
    FROM booked AS b
    LEFT JOIN recorded AS r ON r.job_id = b.job_id AND r.round = b.round
    WHERE b.usd_micros <> coalesce(r.usd_micros, 0)
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;

-- name: check_jobs_are_kept_once
-- No job is in the archive and in the table it was moved from.
WITH broken AS (
    SELECT a.id::text AS subject FROM archived_jobs AS a JOIN live_jobs AS j ON j.id = a.id
)
SELECT count(*) AS violations, (array_agg(b.subject ORDER BY b.subject))[1:5] AS examples FROM broken AS b;
