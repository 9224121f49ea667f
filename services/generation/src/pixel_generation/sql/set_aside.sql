-- name: set_job_aside
-- Notes that a duty could not process a job; returns how often that was so in a row.
INSERT INTO set_aside_jobs AS s (job_id, duty, reason, failures, look_again_at)
VALUES (%(job_id)s::uuid, %(duty)s::text, %(reason)s::text, 1, now())
ON CONFLICT (job_id, duty) DO UPDATE SET reason = excluded.reason, failures = s.failures + 1, last_at = now()
RETURNING s.failures;

-- name: rest_set_aside_job
-- Lets the duty pass over the job for a while.
UPDATE set_aside_jobs AS s
SET look_again_at = now() + make_interval(secs => %(pause_s)s::double precision)
WHERE s.job_id = %(job_id)s::uuid AND s.duty = %(duty)s::text;

-- name: list_set_aside_jobs
-- What duties could not process, the latest first. One whose time has come and that was not set aside again is done.
SELECT s.job_id, s.duty, s.reason, s.failures, s.first_at, s.last_at, s.look_again_at
FROM set_aside_jobs AS s
WHERE s.look_again_at > now() - interval '1 minute'
ORDER BY s.last_at DESC
LIMIT %(limit)s::integer;

-- name: forget_set_aside_jobs
-- Forgets what was looked at again and could be processed.
DELETE FROM set_aside_jobs AS s WHERE s.look_again_at <= now() - interval '1 minute';
