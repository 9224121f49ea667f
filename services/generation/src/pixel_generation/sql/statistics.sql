-- name: list_stats_of_user
-- Ended jobs of one user, summed by UTC day.
SELECT s.day, s.model, s.kind, s.status, s.jobs, s.outputs, s.run_seconds, s.credits, s.retries
FROM job_statistics AS s
WHERE s.user_id = %(user_id)s::uuid AND s.day BETWEEN %(first_day)s::date AND %(last_day)s::date;

-- name: list_stats
-- Ended jobs of all users, summed by UTC day.
SELECT
    s.day, s.model, s.kind, s.status, sum(s.jobs)::bigint AS jobs, sum(s.outputs)::bigint AS outputs,
    sum(s.run_seconds) AS run_seconds, sum(s.credits)::bigint AS credits,
    sum(s.retries)::bigint AS retries
FROM job_statistics AS s
WHERE s.day BETWEEN %(first_day)s::date AND %(last_day)s::date
GROUP BY s.day, s.model, s.kind, s.status;

-- name: sum_provider_costs
-- Provider costs in the ledger, split by the runs that caused them.
SELECT a.provider, sum(a.cost_usd_micros)::bigint AS cost_usd_micros
FROM ledger_transfers AS t
JOIN attempts AS a ON a.job_id = t.job_id AND a.round = t.round AND a.cost_usd_micros > 0
WHERE t.kind = 'provider_cost' AND t.created_at >= %(start)s::timestamptz AND t.created_at < %(end)s::timestamptz
GROUP BY a.provider;
