-- name: get_receipt
-- One generation of the user with its rounds from the ledger and its runs, in one snapshot.
SELECT
    j.id, j.status, j.cost_credits, j.price_id, j.units, (
        SELECT coalesce(sum(coalesce((o.output ->> 'units')::integer, 1)), 0)::integer
        FROM jsonb_array_elements(j.outputs) AS o (output)
    ) AS delivered_units,
    coalesce((
        SELECT jsonb_agg(to_jsonb(r) ORDER BY r.round)
        FROM (
            SELECT
                t.round,
                coalesce(sum(e.credits) FILTER (WHERE t.kind = 'hold'), 0) AS held,
                coalesce(-sum(e.credits) FILTER (WHERE t.kind = 'capture'), 0) AS captured,
                coalesce(-sum(e.credits) FILTER (WHERE t.kind = 'release'), 0) AS released,
                coalesce((
                    SELECT sum(b.credits)
                    FROM ledger_transfers AS f
                    JOIN ledger_entries AS b ON b.transfer_id = f.id AND b.account = 'user_available'
                    WHERE f.job_id = j.id AND f.round = t.round AND f.kind = 'refund'), 0) AS refunded
            FROM ledger_transfers AS t
            JOIN ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'user_held'
            WHERE t.job_id = j.id
            GROUP BY t.round
        ) AS r
    ), '[]') AS rounds,
    coalesce((
        SELECT jsonb_agg(to_jsonb(a) - 'job_id' - 'worker' ORDER BY a.attempt) FROM attempts AS a WHERE a.job_id = j.id
    ), '[]') AS attempts
FROM stored_jobs AS j
WHERE j.id = %(id)s::uuid AND j.user_id = %(user_id)s::uuid;
