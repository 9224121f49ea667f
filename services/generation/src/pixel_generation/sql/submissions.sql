-- name: submit_generations
-- Arrays travel in binary: as text every element would be escaped and parsed, at four times the client's CPU.
-- Decides a batch of submissions and writes the accepted ones with hold, first event and outbox rows, in one statement.
WITH item AS MATERIALIZED (
    SELECT
        i.place, i.job_id, i.set_id, i.user_id, i.lane, i.spec, i.image_count, i.cost_credits, i.priority, i.max_retries,
        i.created_at, i.deadline_at, i.message, i.trace, i.route, i.key, i.fingerprint, i.transfer_id,
        s.job_id AS known_job_id, s.fingerprint AS known_fingerprint,
        CASE WHEN i.key = '' THEN 1
            ELSE row_number() OVER (PARTITION BY i.user_id, i.route, i.key ORDER BY i.place) END AS twin
    FROM unnest(
        %(job_ids)b::uuid[], %(set_ids)b::uuid[], %(user_ids)b::uuid[], %(lanes)b::text[], %(specs)b::jsonb[],
        %(image_counts)b::smallint[], %(costs)b::bigint[], %(priorities)b::smallint[], %(max_retries)b::integer[],
        %(created_at)b::timestamptz[], %(deadlines)b::timestamptz[], %(messages)b::text[], %(traces)b::jsonb[],
        %(routes)b::text[], %(keys_)b::text[], %(fingerprints)b::bytea[], %(transfer_ids)b::uuid[]
    ) WITH ORDINALITY AS i (
        job_id, set_id, user_id, lane, spec, image_count, cost_credits, priority, max_retries, created_at, deadline_at,
        message, trace, route, key, fingerprint, transfer_id, place)
    LEFT JOIN submissions AS s ON i.key <> '' AND s.user_id = i.user_id AND s.route = i.route AND s.key = i.key
),
-- Locked in id order, so that concurrent batches never wait for each other in a circle; read after the lock.
account AS MATERIALIZED (
    SELECT c.user_id, c.available
    FROM credit_accounts AS c
    WHERE c.user_id = ANY (ARRAY(SELECT DISTINCT i.user_id FROM item AS i WHERE i.known_job_id IS NULL AND i.twin = 1))
    ORDER BY c.user_id
    FOR NO KEY UPDATE
),
-- What the balance covers, first come first served; an item the balance can never cover does not count for the others.
funded AS MATERIALIZED (
    SELECT f.place
    FROM (
        SELECT i.place, a.available, sum(i.cost_credits) OVER (PARTITION BY i.user_id ORDER BY i.place) AS running_cost
        FROM item AS i
        JOIN account AS a ON a.user_id = i.user_id
        WHERE i.known_job_id IS NULL AND i.twin = 1 AND i.cost_credits <= a.available
    ) AS f
    WHERE f.running_cost <= f.available
),
keyed AS (
    INSERT INTO submissions (user_id, route, key, fingerprint, job_id)
    SELECT i.user_id, i.route, i.key, i.fingerprint, i.job_id
    FROM item AS i
    JOIN funded AS f ON f.place = i.place
    WHERE i.key <> ''
    ON CONFLICT DO NOTHING
    RETURNING job_id
),
accepted AS MATERIALIZED (
    SELECT i.place, i.job_id, i.user_id, i.lane, i.image_count, i.cost_credits, i.transfer_id,
        sum(i.image_count) OVER (PARTITION BY i.lane, i.user_id ORDER BY i.place) - i.image_count AS work_before,
        sum(i.image_count) OVER (PARTITION BY i.lane, i.user_id) AS work_of_user
    FROM item AS i
    JOIN funded AS f ON f.place = i.place
    LEFT JOIN keyed AS k ON k.job_id = i.job_id
    WHERE i.key = '' OR k.job_id IS NOT NULL
),
debited AS (
    UPDATE credit_accounts AS c
    SET available = c.available - t.cost, held = c.held + t.cost
    FROM (SELECT a.user_id, sum(a.cost_credits)::bigint AS cost FROM accepted AS a GROUP BY a.user_id) AS t
    WHERE c.user_id = t.user_id
),
-- Start-time fair queueing: a user's next job starts where the last one ended in virtual time, or now.
share AS (
    INSERT INTO lane_shares AS s (lane, user_id, virtual_finish)
    SELECT w.lane, w.user_id, coalesce(l.virtual_time, 0) + w.work
    FROM (SELECT DISTINCT a.lane, a.user_id, a.work_of_user AS work FROM accepted AS a) AS w
    LEFT JOIN lanes AS l ON l.lane = w.lane
    ORDER BY w.lane, w.user_id
    ON CONFLICT (lane, user_id) DO UPDATE SET virtual_finish = greatest(
        excluded.virtual_finish,
        s.virtual_finish + excluded.virtual_finish
            - coalesce((SELECT l.virtual_time FROM lanes AS l WHERE l.lane = excluded.lane), 0))
    RETURNING s.lane, s.user_id, s.virtual_finish
),
job AS (
    INSERT INTO jobs (
        id, user_id, set_id, lane, spec, image_count, priority, virtual_start, max_retries, scheduled_at, deadline_at,
        cost_credits, trace, created_at)
    SELECT
        i.job_id, i.user_id, i.set_id, i.lane, i.spec, i.image_count, i.priority,
        s.virtual_finish - a.work_of_user + a.work_before, i.max_retries, least(i.created_at, now()), i.deadline_at,
        i.cost_credits, i.trace, i.created_at
    FROM accepted AS a
    JOIN item AS i ON i.place = a.place
    JOIN share AS s ON s.lane = a.lane AND s.user_id = a.user_id
),
event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, created_at)
    SELECT i.job_id, 1, 'queued', 'waiting', 0, i.message, i.created_at
    FROM accepted AS a
    JOIN item AS i ON i.place = a.place
),
transfer AS (
    INSERT INTO ledger_transfers (id, kind, user_id, job_id)
    SELECT a.transfer_id, 'hold', a.user_id, a.job_id FROM accepted AS a
),
entry AS (
    INSERT INTO ledger_entries (transfer_id, line, account, user_id, credits)
    SELECT a.transfer_id, e.line, e.account, a.user_id, e.sign * a.cost_credits
    FROM accepted AS a
    CROSS JOIN (VALUES (1::smallint, 'user_available', -1), (2::smallint, 'user_held', 1)) AS e (line, account, sign)
),
announced AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT o.event_id, o.topic, o.key, o.type, o.value, i.trace
    FROM unnest(
        %(event_ids)b::uuid[], %(topics)b::text[], %(keys)b::text[], %(types)b::text[], %(values)b::bytea[],
        %(event_job_ids)b::uuid[]
    ) WITH ORDINALITY AS o (event_id, topic, key, type, value, job_id, place)
    JOIN accepted AS a ON a.job_id = o.job_id
    JOIN item AS i ON i.place = a.place
    ORDER BY o.place
),
notice AS MATERIALIZED (
    SELECT pg_notify(current_schema() || '_outbox', '')::text AS sent FROM (SELECT 1 FROM accepted LIMIT 1) AS any_accepted
)
SELECT
    CASE
        WHEN a.place IS NOT NULL THEN 'accepted'
        WHEN i.known_job_id IS NOT NULL AND i.known_fingerprint = i.fingerprint THEN 'replayed'
        WHEN i.known_job_id IS NOT NULL THEN 'key_reused'
        WHEN i.twin > 1 THEN 'again'
        WHEN coalesce(c.available, 0) < i.cost_credits THEN 'insufficient'
        ELSE 'again'
    END AS verdict,
    coalesce(i.known_job_id, i.job_id) AS job_id,
    coalesce(c.available, 0) AS available,
    (SELECT n.sent FROM notice AS n) AS notified
FROM item AS i
LEFT JOIN accepted AS a ON a.place = i.place
LEFT JOIN account AS c ON c.user_id = i.user_id
ORDER BY i.place;

-- name: purge_submissions
-- Forgets idempotency keys older than the promise.
WITH old AS MATERIALIZED (
    SELECT s.user_id, s.route, s.key
    FROM submissions AS s
    WHERE s.created_at < %(before)s::timestamptz
    ORDER BY s.created_at
    LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM submissions AS s USING old AS o WHERE s.user_id = o.user_id AND s.route = o.route AND s.key = o.key;
