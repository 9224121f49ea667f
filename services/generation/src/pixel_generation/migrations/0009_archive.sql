SET LOCAL lock_timeout = '2s';

-- Ended jobs that nobody works on any more. The same columns in the same order: a job moves as it is.
CREATE TABLE jobs_archive (
    LIKE jobs INCLUDING COMMENTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (id),
    -- The planner leaves this table out of whatever asks for jobs that wait or run.
    CONSTRAINT jobs_archive_is_ended CHECK (status IN ('completed', 'failed', 'cancelled'))
) WITH (
    -- Rows come and never change: pages are filled, and vacuum comes by count of new rows, to freeze them while they are
    -- in memory and to keep the visibility map true.
    fillfactor = 100,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = 10000
);
COMMENT ON TABLE jobs_archive IS 'Jobs that ended long ago; a job is in jobs or here, never in both.';
CREATE INDEX jobs_archive_of_user ON jobs_archive (user_id, id DESC);
CREATE INDEX jobs_archive_failed ON jobs_archive (ended_at DESC, id) WHERE status = 'failed';

-- The columns of each side are plain, so that the planner opens the view and merges the indexes of both tables.
CREATE VIEW all_jobs AS SELECT * FROM jobs UNION ALL SELECT * FROM jobs_archive;
COMMENT ON VIEW all_jobs IS 'Every job, wherever it is kept: one statement sees each exactly once.';

-- The oldest ended jobs are found by jobs_latest, jobs_failed and this one: no index that every end would have to write.
CREATE INDEX jobs_cancelled ON jobs (ended_at) WHERE status = 'cancelled';

-- Every row is deleted soon after it was written: vacuum comes by count of dead rows, however many there are.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE submissions SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
-- Rows come and never change.
ALTER TABLE job_events SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 10000);
ALTER TABLE ledger_transfers SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 10000);
ALTER TABLE ledger_entries SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 10000);

-- Reservations of periods that are over are forgotten; those of a budget without a period are its proof and stay.
CREATE INDEX budget_reservations_of_periods ON budget_reservations (period_start) WHERE period_start > '1970-01-01';
