-- name: fill_history
-- 30,000 ended jobs of 100 users with their runs, events and money, the older half archived; 3,000 waiting and 60
-- running ones.
CREATE TEMPORARY TABLE numbered AS
SELECT
    n, gen_random_uuid() AS id, ('00000000-0000-7000-8000-0000000000' || lpad((n % 100)::text, 2, '0'))::uuid AS user_id,
    CASE
        WHEN n > 33000 THEN 'processing' WHEN n > 30000 THEN 'queued' WHEN n % 20 = 0 THEN 'failed'
        WHEN n % 20 = 1 THEN 'cancelled' ELSE 'completed'
    END AS status,
    now() - make_interval(secs => (33060 - n) * 30) AS at
FROM generate_series(1, 33060) AS n;

INSERT INTO accounts (user_id, available) SELECT DISTINCT user_id, 1000 FROM numbered;

INSERT INTO live_jobs (
    id, user_id, set_id, queue, work, units, priority, virtual_start, max_retries, scheduled_at, deadline_at,
    cost_credits, created_at, status, stage, hold_reason, lease_until, started_at, ended_at, captured_credits, failure, attempt,
    sequence)
SELECT
    n.id, n.user_id, n.id, 'sketch', '{"prompt": "a fox", "model": "studio-sketch", "number_of_images": 1}', 1, 1, n.n, 2,
    n.at, n.at + interval '1 day', 1, n.at, n.status,
    CASE n.status WHEN 'queued' THEN 'waiting' WHEN 'processing' THEN 'generating' ELSE 'done' END,
    CASE WHEN n.status <> 'queued' OR n.n % 10 < 8 THEN 'open' WHEN n.n % 10 = 8 THEN 'scheduled' ELSE 'capped' END,
    CASE WHEN n.status = 'processing' THEN now() + interval '1 minute' END,
    CASE WHEN n.status <> 'queued' THEN n.at END,
    CASE WHEN n.status IN ('completed', 'failed', 'cancelled') THEN n.at + interval '1 minute' END,
    CASE n.status WHEN 'completed' THEN 1 WHEN 'failed' THEN 0 WHEN 'cancelled' THEN 0 END,
    CASE WHEN n.status = 'failed' THEN '{"code": "timeout", "message": "late", "retryable": true}'::jsonb END,
    (n.status <> 'queued')::integer, 3
FROM numbered AS n;

INSERT INTO attempts (job_id, attempt, worker, model, provider)
SELECT n.id, 1, 'w', 'studio-sketch', 'sketch' FROM numbered AS n WHERE n.status <> 'queued';

INSERT INTO job_events (job_id, sequence, status, stage, progress, message, user_id, created_at)
SELECT n.id, s.sequence, n.status, 'done', 0, '', n.user_id, n.at
FROM numbered AS n
CROSS JOIN generate_series(1, 3) AS s (sequence);

INSERT INTO submissions (user_id, route, key, fingerprint, job_id, created_at)
SELECT n.user_id, 'POST /api/generations', 'key-' || n.n, 'f', n.id, n.at FROM numbered AS n;

INSERT INTO ledger_transfers (id, kind, user_id, job_id, created_at)
SELECT gen_random_uuid(), k.kind, n.user_id, n.id, n.at
FROM numbered AS n
CROSS JOIN (VALUES ('hold'), ('capture')) AS k (kind)
WHERE k.kind = 'hold' OR n.status = 'completed';
INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
SELECT t.id, x.line, x.account, t.user_id, x.credits
FROM ledger_transfers AS t
CROSS JOIN (VALUES (1::smallint, 'user_available', -1), (2::smallint, 'user_held', 1)) AS x (line, account, credits);

INSERT INTO job_statistics (user_id, day, model, kind, status, jobs, outputs, run_seconds, credits)
SELECT n.user_id, (n.at AT TIME ZONE 'UTC')::date, 'studio-sketch', 'image', n.status, count(*), count(*), 1, count(*)
FROM numbered AS n
WHERE n.status IN ('completed', 'failed')
GROUP BY 1, 2, 5;

INSERT INTO actions (id, actor, action, user_id, job_id)
SELECT gen_random_uuid(), 'operator', 'cancel', n.user_id, n.id FROM numbered AS n WHERE n.status = 'cancelled';

INSERT INTO budget_reservations (job_id, round, budget_id, period_start, amount)
SELECT n.id, 1, b.id, '2026-01-01', 1 FROM numbered AS n CROSS JOIN budgets AS b;

WITH moved AS (
    DELETE FROM live_jobs AS j USING numbered AS n WHERE n.id = j.id AND n.n <= 15000 RETURNING j.*
)
INSERT INTO archived_jobs SELECT m.* FROM moved AS m;
