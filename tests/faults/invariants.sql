-- Each statement returns what breaks an invariant, one row a violation: `subject` names it, `detail` says how.
-- name: I1 ended_once
-- A job that ended has one terminal event for each round, and its last event is the newest.
SELECT j.id::text AS subject,
    format('%s, round %s, %s terminal events, last event %s of %s', j.status, j.round, e.ends, e.last, j.sequence) AS detail
FROM generation.stored_jobs AS j
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE e.status IN ('completed', 'failed', 'cancelled')) AS ends,
        max(e.sequence) AS last,
        (array_agg(e.status ORDER BY e.sequence DESC))[1] AS newest
    FROM generation.job_events AS e WHERE e.job_id = j.id
) AS e ON true
WHERE e.last IS DISTINCT FROM j.sequence OR e.newest IS DISTINCT FROM j.status
    OR e.ends <> j.round - (j.status IN ('queued', 'processing'))::integer;

-- name: I1 unfinished
-- At rest every job has ended.
SELECT j.id::text AS subject, format('%s/%s since event %s', j.status, j.stage, j.sequence) AS detail
FROM generation.stored_jobs AS j WHERE j.status NOT IN ('completed', 'failed', 'cancelled');

-- name: I1 kept_twice
-- A job is in the hot table or in the archive.
SELECT j.id::text AS subject, 'in jobs and in jobs_archive' AS detail
FROM generation.live_jobs AS j JOIN generation.archived_jobs AS o ON o.id = j.id;

-- name: I1 illegal_transitions
-- From one event to the next only what the table of states allows; out of an end leads only the user's retry.
SELECT t.job_id::text AS subject, format('%s/%s to %s/%s at %s', t.status, t.stage, t.next, t.next_stage, t.sequence) AS detail
FROM (
    SELECT e.job_id, e.sequence, e.status, e.stage, lead(e.status) OVER w AS next, lead(e.stage) OVER w AS next_stage
    FROM generation.job_events AS e
    WINDOW w AS (PARTITION BY e.job_id ORDER BY e.sequence)
) AS t
WHERE t.next IS NOT NULL AND NOT CASE
    WHEN t.status = 'completed' THEN false
    WHEN t.status IN ('failed', 'cancelled') THEN t.next = 'queued'
    WHEN t.status = 'queued' THEN
        t.next IN ('queued', 'failed', 'cancelled') OR (t.next = 'processing' AND t.next_stage = 'starting')
    WHEN t.stage = 'cancelling' THEN t.next IN ('completed', 'cancelled')
    WHEN t.stage = 'reconciling' THEN t.next IN ('queued', 'processing', 'completed', 'failed', 'cancelled')
    ELSE NOT (t.next = 'processing' AND t.next_stage = 'starting')
END;

-- name: I2 unbalanced_transfers
-- Each transfer sums to 0 in each unit.
SELECT e.transfer_id::text AS subject, format('%s credits, %s usd micros', sum(e.credits), sum(e.usd_micros)) AS detail
FROM generation.ledger_entries AS e
GROUP BY e.transfer_id HAVING sum(e.credits) <> 0 OR sum(e.usd_micros) <> 0;

-- name: I2 balances
-- A running balance is the sum of its entries and not negative.
SELECT c.user_id::text AS subject,
    format('available %s, entries say %s; held %s, entries say %s', c.available, e.available, c.held, e.held) AS detail
FROM generation.accounts AS c
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_available'), 0) AS available,
        coalesce(sum(e.credits) FILTER (WHERE e.account = 'user_held'), 0) AS held
    FROM generation.ledger_entries AS e WHERE e.user_id = c.user_id
) AS e ON true
WHERE c.available <> e.available OR c.held <> e.held OR c.available < 0 OR c.held < 0;

-- name: I2 rounds
-- Each round has one hold; once it is over, the hold equals what was captured and released.
SELECT j.id::text AS subject,
    format('round %s of %s: %s holds, %s held, %s captured, %s released', r.round, j.round, m.holds, m.held, m.captured,
        m.released) AS detail
FROM generation.stored_jobs AS j
CROSS JOIN LATERAL generate_series(1, j.round) AS r (round)
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE t.kind = 'hold') AS holds,
        coalesce(sum(e.credits) FILTER (WHERE t.kind = 'hold'), 0) AS held,
        coalesce(-sum(e.credits) FILTER (WHERE t.kind = 'capture'), 0) AS captured,
        coalesce(-sum(e.credits) FILTER (WHERE t.kind = 'release'), 0) AS released
    FROM generation.ledger_transfers AS t
    JOIN generation.ledger_entries AS e ON e.transfer_id = t.id AND e.account = 'user_held'
    WHERE t.job_id = j.id AND t.round = r.round
) AS m ON true
WHERE m.holds <> 1
    OR CASE WHEN r.round = j.round AND j.status IN ('queued', 'processing') THEN m.captured + m.released <> 0
        ELSE m.held <> m.captured + m.released END
    OR CASE WHEN r.round < j.round THEN m.captured <> 0
        WHEN j.status IN ('completed', 'failed', 'cancelled') THEN m.captured <> j.captured_credits ELSE false END;

-- name: I2 paid_pictures
-- What was captured is the price of the pictures that were delivered.
SELECT j.id::text AS subject,
    format('captured %s for %s of %s pictures at %s', j.captured_credits, jsonb_array_length(j.outputs), j.units,
        j.cost_credits) AS detail
FROM generation.stored_jobs AS j
WHERE j.status IN ('completed', 'failed', 'cancelled')
    AND j.captured_credits <> j.cost_credits * jsonb_array_length(j.outputs) / j.units;

-- name: I3 duplicate_money
-- At most one transfer of each kind in a round.
SELECT t.job_id::text AS subject, format('%s times %s in round %s', count(*), t.kind, t.round) AS detail
FROM generation.ledger_transfers AS t WHERE t.job_id IS NOT NULL
GROUP BY t.job_id, t.round, t.kind HAVING count(*) > 1;

-- name: I3 shared_jobs
-- A key names one job, and a job has at most one key.
SELECT s.job_id::text AS subject, format('%s keys', count(*)) AS detail
FROM generation.submissions AS s GROUP BY s.job_id HAVING count(*) > 1
UNION ALL
SELECT s.job_id::text, 'a key without its job'
FROM generation.submissions AS s LEFT JOIN generation.stored_jobs AS j ON j.id = s.job_id WHERE j.id IS NULL;

-- name: I5 unrelayed_generation
-- At rest no outbox row waits.
SELECT o.event_id::text AS subject, o.topic AS detail FROM generation.outbox AS o;

-- name: I5 unrelayed_social
-- At rest no outbox row waits.
SELECT o.event_id::text AS subject, o.topic AS detail FROM social.outbox AS o;

-- name: I5 unrelayed_gateway
-- At rest no outbox row waits.
SELECT o.event_id::text AS subject, o.topic AS detail FROM gateway.outbox AS o;

-- name: I5 unrelayed_media
-- At rest no outbox row waits.
SELECT o.event_id::text AS subject, o.topic AS detail FROM media.outbox AS o;

-- name: I5 missing_sets
-- Whoever paid for pictures has their set, with each of them once.
SELECT j.id::text AS subject,
    format('%s with %s pictures, the set has %s', j.status, jsonb_array_length(j.outputs), count(i.id)) AS detail
FROM generation.stored_jobs AS j
LEFT JOIN social.sets AS s ON s.generation_id = j.id AND s.user_id = j.user_id
LEFT JOIN social.images AS i ON i.set_id = s.id
WHERE j.status IN ('completed', 'cancelled') AND jsonb_array_length(j.outputs) > 0
GROUP BY j.id, j.status, j.outputs HAVING count(i.id) <> jsonb_array_length(j.outputs);

-- name: I5 sets_of_nobody
-- No set without the job that paid for it.
SELECT s.id::text AS subject, format('generation %s', s.generation_id) AS detail
FROM social.sets AS s LEFT JOIN generation.stored_jobs AS j ON j.id = s.generation_id
WHERE j.id IS NULL OR j.user_id <> s.user_id OR jsonb_array_length(j.outputs) = 0;

-- name: I7 open_jobs
-- The counters of an account equal what they count.
SELECT c.user_id::text AS subject,
    format('open_jobs %s, counted %s; slots_taken %s, counted %s', c.open_jobs, n.open, c.slots_taken, n.slots) AS detail
FROM generation.accounts AS c
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE j.status IN ('queued', 'processing')) AS open,
        count(*) FILTER (WHERE j.status = 'processing' OR (j.status = 'queued' AND j.hold_reason = 'open')) AS slots
    FROM generation.stored_jobs AS j WHERE j.user_id = c.user_id
) AS n ON true
WHERE c.open_jobs <> n.open OR c.slots_taken <> n.slots;

-- name: I7 job_stats
-- The sums of ended rounds equal the ends in the event log.
SELECT e.user_id::text AS subject, format('%s ended, statistics say %s', e.ends, coalesce(s.jobs, 0)) AS detail
FROM (
    SELECT j.user_id, count(*) AS ends
    FROM generation.job_events AS e JOIN generation.stored_jobs AS j ON j.id = e.job_id
    WHERE e.status IN ('completed', 'failed', 'cancelled') GROUP BY j.user_id
) AS e
LEFT JOIN (SELECT s.user_id, sum(s.jobs) AS jobs FROM generation.job_statistics AS s GROUP BY s.user_id) AS s
    ON s.user_id = e.user_id
WHERE e.ends <> coalesce(s.jobs, 0);

-- name: I8 gaps
-- The events of a job are numbered 1, 2, 3 without a gap.
SELECT e.job_id::text AS subject, format('%s events up to %s', count(*), max(e.sequence)) AS detail
FROM generation.job_events AS e
GROUP BY e.job_id HAVING count(*) <> max(e.sequence) OR min(e.sequence) <> 1;

-- name: jobs
-- Every job with how it ended.
SELECT
    j.id, j.user_id, j.set_id, j.status, j.round, j.sequence, j.attempt, j.units,
    jsonb_array_length(j.outputs) AS images, j.captured_credits, j.work ->> 'prompt' AS prompt
FROM generation.stored_jobs AS j;

-- name: events
-- Every stored event, for the bus to be compared with.
SELECT e.job_id, e.sequence, e.status FROM generation.job_events AS e;

-- name: inboxes
-- What each consumer has turned into effects.
SELECT i.consumer, i.event_id FROM social.inbox AS i;

-- name: objects
-- What the bucket must hold.
SELECT r.key, r.size_bytes, r.sha256
FROM media.renditions AS r JOIN media.assets AS a ON a.id = r.asset_id WHERE a.state = 'stored';

-- name: known_objects
-- Every key a row speaks of, finished or not.
SELECT r.key FROM media.renditions AS r;

-- name: texts
-- Texts that operators and strangers read, searched for canaries.
SELECT 'job_events' AS place, e.message || coalesce(e.failure::text, '') AS text FROM generation.job_events AS e
UNION ALL SELECT 'attempts', a.failure_code || a.provider_request_id FROM generation.attempts AS a
UNION ALL SELECT 'actions', a.action || a.metadata::text FROM generation.actions AS a;

-- name: sets
-- How many pictures the set of each generation has.
SELECT s.generation_id, count(i.id)::integer AS images
FROM social.sets AS s LEFT JOIN social.images AS i ON i.set_id = s.id
GROUP BY s.generation_id;
