SET LOCAL lock_timeout = '2s';

-- Jobs that a duty on a clock could not process: it passes over them until they are looked at again, and operators see
-- them. Few rows, and none where all is well.
CREATE TABLE set_aside_jobs (
    job_id uuid NOT NULL,
    duty text NOT NULL CHECK (length(duty) BETWEEN 1 AND 100),
    reason text NOT NULL,
    failures integer NOT NULL CHECK (failures > 0),
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    look_again_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, duty)
);
CREATE INDEX set_aside_jobs_last_at ON set_aside_jobs (last_at);
COMMENT ON TABLE set_aside_jobs IS 'Jobs that a duty could not process, with the reason.';
COMMENT ON COLUMN set_aside_jobs.failures IS 'How often in a row; the pause before the next look grows with it.';
