-- name: count_waiting
-- Counts what waits in a queue, up to the number it takes.
SELECT l.max_queued, (
    SELECT count(*)
    FROM (
        SELECT 1 FROM live_jobs AS j WHERE j.queue = l.queue AND j.status = 'queued' LIMIT l.max_queued
    ) AS waiting
) AS queued
FROM queues AS l
WHERE l.queue = %(queue)s::text;
