-- name: insert_outbox
-- Writes events in order and notifies the relay when the transaction commits.
WITH inserted AS (
    INSERT INTO outbox (event_id, topic, key, type, value, headers)
    SELECT e.event_id, e.topic, e.key, e.type, e.value, e.headers
    FROM unnest(
        %(event_ids)s::uuid[], %(topics)s::text[], %(keys)s::text[], %(types)s::text[],
        %(values)s::bytea[], %(headers)s::jsonb[]
    ) WITH ORDINALITY AS e (event_id, topic, key, type, value, headers, place)
    ORDER BY e.place
)
SELECT pg_notify(current_schema() || '_outbox', '')::text AS notified;

-- name: read_outbox
-- Rows of ended transactions only: no row with a smaller xid can appear, so causes are read before effects.
-- Ids and headers are read as text: parsing them would double the cost of a row.
SELECT o.id, o.event_id::text AS event_id, o.topic, o.key, o.type, o.value, o.headers::text AS headers, o.created_at
FROM outbox AS o
WHERE o.id > %(after)s::bigint
    AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
    AND o.id <> ALL (%(skipped)s::bigint[])
ORDER BY o.id
LIMIT %(limit)s::integer;

-- name: delete_outbox
-- Deletes rows that the bus holds durably.
DELETE FROM outbox AS o WHERE o.id = ANY (%(ids)s::bigint[]);

-- name: find_outbox_horizon
-- The oldest running transaction, and the next one to begin.
SELECT
    pg_snapshot_xmin(h.snapshot)::text::bigint AS oldest_xid, pg_snapshot_xmax(h.snapshot)::text::bigint AS next_xid
FROM (SELECT pg_current_snapshot() AS snapshot) AS h;

-- name: outbox_has_rows
-- Whether any row is left, for example one hidden by an open transaction.
SELECT EXISTS (
    SELECT 1 FROM outbox AS o WHERE o.id > %(after)s::bigint AND o.id <> ALL (%(skipped)s::bigint[])
) AS waiting;
