-- What breaks each rule of the ledger, done past its guards.

-- name: transfers_sum_to_zero
DELETE FROM ledger_entries AS e
WHERE e.line = 2 AND e.transfer_id = (SELECT t.id FROM ledger_transfers AS t WHERE t.kind = 'capture' LIMIT 1);

-- name: accounts_sum_to_zero
UPDATE ledger_entries AS e SET usd_micros = e.usd_micros + 1
WHERE e.line = 1 AND e.transfer_id = (SELECT t.id FROM ledger_transfers AS t WHERE t.kind = 'provider_cost' LIMIT 1);

-- name: balances_equal_entries
UPDATE accounts SET available = available + 1;

-- name: rounds_are_held_once
UPDATE ledger_transfers AS t SET kind = 'grant', job_id = NULL, grant_id = 'x'
WHERE t.id = (SELECT h.id FROM ledger_transfers AS h WHERE h.kind = 'hold' LIMIT 1);

-- name: rounds_are_settled_once
INSERT INTO ledger_transfers (id, kind, user_id, job_id)
SELECT gen_random_uuid(), 'release', j.user_id, j.id FROM live_jobs AS j WHERE j.captured_credits = j.cost_credits LIMIT 1;
INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
SELECT t.id, x.line, x.account, t.user_id, x.credits
FROM ledger_transfers AS t
CROSS JOIN (VALUES (1::smallint, 'user_held', -1), (2::smallint, 'user_available', 1)) AS x (line, account, credits)
WHERE NOT EXISTS (SELECT 1 FROM ledger_entries AS e WHERE e.transfer_id = t.id);

-- name: ends_match_captures
UPDATE live_jobs SET captured_credits = 0 WHERE status = 'completed';

-- name: refunds_stay_within_captures
INSERT INTO ledger_transfers (id, kind, user_id, job_id)
SELECT gen_random_uuid(), 'refund', j.user_id, j.id FROM live_jobs AS j WHERE j.status = 'completed' LIMIT 1;
INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
SELECT t.id, x.line, x.account, x.owner, x.credits
FROM ledger_transfers AS t
CROSS JOIN LATERAL (VALUES
    (1::smallint, 'platform_revenue', NULL, -90), (2::smallint, 'user_available', t.user_id, 90)
) AS x (line, account, owner, credits)
WHERE t.kind = 'refund';

-- name: open_jobs_equal_counts
UPDATE accounts SET open_jobs = open_jobs + 1;

-- name: slots_taken_equal_counts
UPDATE accounts SET slots_taken = slots_taken + 1;

-- name: budgets_equal_reservations
UPDATE budgets SET used = used + 1 WHERE scope = 'user';

-- name: provider_costs_equal_attempts
UPDATE attempts SET cost_usd_micros = 1 WHERE cost_usd_micros > 0;

-- name: jobs_are_kept_once
INSERT INTO archived_jobs SELECT * FROM live_jobs WHERE status = 'completed' LIMIT 1;
