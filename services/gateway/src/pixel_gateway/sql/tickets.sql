-- name: insert_ticket
-- Stores a ticket and forgets some that have expired.
WITH forgotten AS (
    DELETE FROM tickets WHERE secret_sha256 IN (
        SELECT t.secret_sha256 FROM tickets AS t WHERE t.expires_at < now() - interval '1 minute'
        ORDER BY t.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO tickets (secret_sha256, account_id, generation_id, expires_at)
VALUES (%(secret_sha256)s::bytea, %(account_id)s::uuid, %(generation_id)s::uuid, %(expires_at)s::timestamptz);

-- name: take_ticket
-- Uses a ticket up; of several who try at once one gets it.
DELETE FROM tickets WHERE secret_sha256 = %(secret_sha256)s::bytea AND expires_at > %(at)s::timestamptz
RETURNING account_id, generation_id, expires_at;
