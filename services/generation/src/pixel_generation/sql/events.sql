-- name: list_facts
-- Every event of a job with its details, oldest first.
SELECT e.job_id, e.sequence, e.status, e.stage, e.progress, e.failure, e.facts
FROM job_events AS e
WHERE e.job_id = %(id)s::uuid
ORDER BY e.sequence;
