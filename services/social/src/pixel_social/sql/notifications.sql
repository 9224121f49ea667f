-- name: add_notification
-- Add to the unread notification of the group, or create it.
INSERT INTO notifications AS n (id, user_id, kind, group_key, reasons, resource_id, first_at, last_at)
VALUES (
    %(id)s::uuid, %(user_id)s::uuid, %(kind)s::text, %(group_key)s::text, jsonb_build_object(%(reason)s::text, 1),
    %(resource_id)s::uuid, %(happened_at)s::timestamptz, %(happened_at)s::timestamptz
)
ON CONFLICT (user_id, kind, group_key) WHERE read_at IS NULL DO UPDATE SET
    count = n.count + 1,
    reasons = n.reasons || jsonb_build_object(
        %(reason)s::text, coalesce((n.reasons ->> %(reason)s::text)::integer, 0) + 1),
    resource_id = CASE WHEN excluded.last_at >= n.last_at THEN excluded.resource_id ELSE n.resource_id END,
    first_at = least(n.first_at, excluded.first_at),
    last_at = greatest(n.last_at, excluded.last_at);

-- name: list_notifications
-- Read notifications of a user, newest first, after a position.
SELECT id, user_id, kind, count, reasons, resource_id, first_at, last_at, read_at
FROM notifications
WHERE user_id = %(user_id)s::uuid
  AND (NOT %(unread)s::boolean OR read_at IS NULL)
  AND (%(after_id)s::uuid IS NULL OR (last_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY last_at DESC, id DESC
LIMIT %(limit)s::bigint;

-- name: count_unread
-- Count the unread notifications of a user: one for each kind and group.
SELECT count(*) AS unread
FROM notifications
WHERE user_id = %(user_id)s::uuid AND read_at IS NULL;

-- name: mark_read
-- Mark unread notifications of a user; null ids mean all of them.
UPDATE notifications
SET read_at = now()
WHERE user_id = %(user_id)s::uuid AND read_at IS NULL AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s::uuid[]));
