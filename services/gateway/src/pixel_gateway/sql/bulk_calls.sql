-- name: count_bulk_call
-- Counts one call of a UTC day; no row when the account has made the most. A count of an earlier day starts anew.
INSERT INTO bulk_calls AS counted (account_id, day, calls) VALUES (%(account_id)s::uuid, %(day)s::date, 1)
ON CONFLICT (account_id) DO UPDATE
SET day = excluded.day, calls = CASE WHEN counted.day = excluded.day THEN counted.calls + 1 ELSE 1 END
WHERE counted.day <> excluded.day OR counted.calls < %(most)s::int
RETURNING calls;
