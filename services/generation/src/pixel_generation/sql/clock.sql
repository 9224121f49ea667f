-- name: read_clock
-- The server's current time, not the start of the transaction.
SELECT clock_timestamp() AS now;
