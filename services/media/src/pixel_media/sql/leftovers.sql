-- name: give_up_stale
-- Mark old uploads as abandoned, and return them with those that an earlier sweep did not finish.
UPDATE assets SET state = 'given_up'
WHERE id IN (
    SELECT id FROM assets
    WHERE state <> 'stored' AND (state = 'given_up' OR begun_at < %(begun_before)s::timestamptz)
    ORDER BY begun_at
    LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: give_up_unknown
-- Insert rows for ids without one, so that no upload can start while their objects are deleted.
INSERT INTO assets (id, state, begun_at)
SELECT u.id, 'given_up', %(at)s::timestamptz
FROM unnest(%(ids)s::uuid[]) AS u (id)
WHERE NOT EXISTS (SELECT 1 FROM assets AS a WHERE a.id = u.id)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: forget_given_up
-- Delete the rows of abandoned uploads.
DELETE FROM assets WHERE id = ANY(%(ids)s::uuid[]) AND state = 'given_up';
