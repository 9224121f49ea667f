-- name: take_lead
-- True for one session of the schema until it releases the lead or ends.
SELECT pg_try_advisory_lock(hashtext(%(name)s::text), hashtext(current_schema())) AS leads;

-- name: give_lead
-- Releases the lead, so that another session can take it at once.
SELECT pg_advisory_unlock(hashtext(%(name)s::text), hashtext(current_schema())) AS given;
