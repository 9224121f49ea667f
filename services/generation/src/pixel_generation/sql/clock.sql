-- name: read_clock
-- The server's time at this moment, not at the start of a transaction.
SELECT clock_timestamp() AS now;
