-- name: take_lead
-- True for one session of the schema until it gives the lead up or ends.
SELECT pg_try_advisory_lock(hashtext(%(name)s::text), hashtext(current_schema())) AS leads;

-- name: give_lead
-- Lets another session lead at once.
SELECT pg_advisory_unlock(hashtext(%(name)s::text), hashtext(current_schema())) AS given;
