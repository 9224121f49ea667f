-- name: jobs_not_ended_once
-- I1: a job that ended has exactly one terminal event, and it is its last.
SELECT j.id
FROM jobs AS j
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.status IN ('completed', 'failed', 'cancelled')) AS ends, max(e.sequence) AS last
    FROM job_events AS e WHERE e.job_id = j.id
) AS e ON true
WHERE j.status NOT IN ('completed', 'failed', 'cancelled') OR e.ends <> 1 OR e.last <> j.sequence;

-- name: gaps_in_events
-- I8: every job's events are numbered 1, 2, 3 without a gap.
SELECT e.job_id FROM job_events AS e GROUP BY e.job_id HAVING count(*) <> max(e.sequence) OR min(e.sequence) <> 1;

-- name: unbalanced_transfers
-- I2: each transfer sums to 0.
SELECT e.transfer_id FROM ledger_entries AS e GROUP BY e.transfer_id HAVING sum(e.credits) <> 0;

-- name: balances_that_are_not_their_entries
-- I2: a running balance is the sum of its entries and not negative.
SELECT c.user_id
FROM credit_accounts AS c
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_available'), 0) AS available,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0) AS held
    FROM ledger_entries AS e WHERE e.user_id = c.user_id
) AS e ON true
WHERE c.available <> e.available OR c.held <> e.held OR c.available < 0 OR c.held < 0;

-- name: jobs_with_money_left_open
-- I2, I3: one hold a job; at its end the hold equals what was captured and released, and nothing is captured twice.
SELECT j.id
FROM jobs AS j
LEFT JOIN LATERAL (
    SELECT
        count(DISTINCT t.id) FILTER (WHERE t.kind = 'hold') AS holds,
        count(DISTINCT t.id) FILTER (WHERE t.kind = 'capture') AS captures,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0) AS open,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'platform_revenue'), 0) AS revenue
    FROM ledger_transfers AS t
    JOIN ledger_entries AS e ON e.transfer_id = t.id
    WHERE t.job_id = j.id
) AS m ON true
WHERE m.holds <> 1 OR m.captures > 1 OR m.open <> 0 OR m.revenue <> j.captured_credits;

-- name: terminal_jobs
-- Every job with how it ended.
SELECT j.id, j.user_id, j.set_id, j.status, j.attempt, j.image_count, j.images, j.captured_credits FROM jobs AS j;
