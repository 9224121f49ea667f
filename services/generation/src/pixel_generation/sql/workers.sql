-- name: see_worker
-- Notes a sign of life of a worker, and forgets those that have been silent for a day.
WITH gone AS (
    DELETE FROM workers AS w WHERE w.seen_at < now() - interval '1 day' AND w.id <> %(id)s::text
)
INSERT INTO workers AS w (id, lanes, slots)
VALUES (%(id)s::text, %(lanes)s::text[], %(slots)s::integer)
ON CONFLICT (id) DO UPDATE SET lanes = excluded.lanes, slots = excluded.slots, seen_at = now();

-- name: forget_worker
-- Forgets a worker that has stopped.
DELETE FROM workers AS w WHERE w.id = %(id)s::text;
