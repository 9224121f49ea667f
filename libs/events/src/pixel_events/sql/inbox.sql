-- name: insert_inbox
-- Records that a consumer has seen an event; no row when it had already.
INSERT INTO inbox (consumer, event_id)
VALUES (%(consumer)s::text, %(event_id)s::uuid)
ON CONFLICT DO NOTHING;

-- name: delete_old_inbox
-- Deletes events that no topic can deliver again.
DELETE FROM inbox AS i WHERE i.received_at < now() - make_interval(days => %(days)s::integer);
