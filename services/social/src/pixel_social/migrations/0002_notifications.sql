-- Notifications of users.
SET LOCAL lock_timeout = '2s';

CREATE TABLE notifications (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('generation_failed')),
    group_key text NOT NULL DEFAULT '',
    count integer NOT NULL DEFAULT 1 CHECK (count > 0),
    reasons jsonb NOT NULL DEFAULT '{}',
    resource_id uuid NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL CHECK (last_at >= first_at),
    read_at timestamptz
) WITH (fillfactor = 80);
COMMENT ON COLUMN notifications.group_key IS 'What of a kind belongs together; empty means all of it does.';
COMMENT ON COLUMN notifications.reasons IS 'How often it happened for each reason.';
COMMENT ON COLUMN notifications.resource_id IS 'What it happened to last.';
-- Events are added to the unread notification of their group.
CREATE UNIQUE INDEX notifications_unread ON notifications (user_id, kind, group_key) WHERE read_at IS NULL;
CREATE INDEX notifications_of_user ON notifications (user_id, last_at DESC, id DESC);
