-- name: count_waiting
-- Counts the queued jobs of a queue, up to its capacity.
SELECT l.max_queued, (
    SELECT count(*)
    FROM (
        SELECT 1 FROM live_jobs AS j WHERE j.queue = l.queue AND j.status = 'queued' LIMIT l.max_queued
    ) AS waiting
) AS queued
FROM queues AS l
WHERE l.queue = %(queue)s::text;
