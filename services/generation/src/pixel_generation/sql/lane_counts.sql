-- name: count_waiting
-- Counts what waits in a lane, up to the number it takes.
SELECT l.max_queued, (
    SELECT count(*)
    FROM (
        SELECT 1 FROM jobs AS j WHERE j.lane = l.lane AND j.status = 'queued' LIMIT l.max_queued
    ) AS waiting
) AS queued
FROM lanes AS l
WHERE l.lane = %(lane)s::text;
