SET LOCAL lock_timeout = '2s';

ALTER TABLE job_stats ADD COLUMN retries bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN job_stats.retries IS 'Runs that were repeated after a failure, counted with the end of their job.';
