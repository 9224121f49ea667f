-- name: record_events
-- Appends the events of a batch of claims and announces them.
WITH event AS (
    INSERT INTO job_events (job_id, sequence, status, stage, progress, message, user_id, facts)
    SELECT e.job_id, e.sequence, e.status, e.stage, e.progress, e.message, e.user_id, e.facts
    FROM unnest(
        %(job_ids)s::uuid[], %(sequences)s::bigint[], %(statuses)s::text[], %(stages)s::text[],
        %(progresses)s::smallint[], %(messages)s::text[], %(user_ids)s::uuid[], %(facts)s::jsonb[]
    ) AS e (job_id, sequence, status, stage, progress, message, user_id, facts)
)
INSERT INTO outbox (event_id, topic, key, type, value, headers)
SELECT o.event_id, o.topic, o.key, o.type, o.value, o.headers
FROM unnest(
    %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
    %(headers)s::jsonb[]
) WITH ORDINALITY AS o (event_id, topic, key, type, value, headers, place)
ORDER BY o.place
RETURNING pg_notify(current_schema() || '_outbox', '')::text AS notified;

-- name: list_events
-- Stored events of one generation of the user, oldest first.
SELECT e.sequence, e.status, e.stage, e.progress, e.message, e.failure, e.created_at, j.set_id
FROM jobs AS j
JOIN job_events AS e ON e.job_id = j.id
WHERE j.id = %(id)s::uuid AND j.user_id = %(user_id)s::uuid AND e.sequence > %(after)s::bigint
ORDER BY e.sequence
LIMIT %(limit)s::integer;

-- name: list_facts
-- Every event of a job with its facts, oldest first.
SELECT e.job_id, e.sequence, e.status, e.stage, e.progress, e.failure, e.facts
FROM job_events AS e
WHERE e.job_id = %(id)s::uuid
ORDER BY e.sequence;
