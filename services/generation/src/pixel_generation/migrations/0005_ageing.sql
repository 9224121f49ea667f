SET LOCAL lock_timeout = '2s';

ALTER TABLE jobs ADD COLUMN aged smallint NOT NULL DEFAULT 0 CHECK (aged BETWEEN 0 AND 2);
COMMENT ON COLUMN jobs.priority IS 'Smaller runs earlier: 0 high, 1 normal, 2 low; falls with the time a job waits behind others.';
COMMENT ON COLUMN jobs.aged IS 'Classes gained by waiting: priority plus aged is what was asked for.';
