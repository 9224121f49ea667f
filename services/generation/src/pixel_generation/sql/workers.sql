-- name: see_worker
-- Records a heartbeat of a worker, and deletes workers without one for a day.
WITH gone AS (
    DELETE FROM worker_presence AS w WHERE w.seen_at < now() - interval '1 day' AND w.id <> %(id)s::text
)
INSERT INTO worker_presence AS w (id, queues, slots)
VALUES (%(id)s::text, %(queues)s::text[], %(slots)s::integer)
ON CONFLICT (id) DO UPDATE SET queues = excluded.queues, slots = excluded.slots, seen_at = now();

-- name: forget_worker
-- Deletes a stopped worker.
DELETE FROM worker_presence AS w WHERE w.id = %(id)s::text;
