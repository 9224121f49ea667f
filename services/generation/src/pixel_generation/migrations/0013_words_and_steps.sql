SET LOCAL lock_timeout = '2s';

-- Words: a queue of jobs is a queue, why a job is held is its hold_reason, what is asked for is its work of a kind, in
-- units, and what it delivers are its outputs. A renamed column cannot have both names, so each table that the code of
-- the release before writes takes a new name, and a view with the old names stands in its place: views of plain columns
-- take every read, write, lock and ON CONFLICT of that code. The release after this one drops the views.

ALTER TABLE jobs RENAME TO live_jobs;
ALTER TABLE jobs_archive RENAME TO archived_jobs;
ALTER TABLE live_jobs RENAME COLUMN job_type TO kind;
ALTER TABLE live_jobs RENAME COLUMN lane TO queue;
ALTER TABLE live_jobs RENAME COLUMN spec TO work;
ALTER TABLE live_jobs RENAME COLUMN image_count TO units;
ALTER TABLE live_jobs RENAME COLUMN images TO outputs;
ALTER TABLE live_jobs RENAME COLUMN gate TO hold_reason;
ALTER TABLE live_jobs RENAME CONSTRAINT jobs_gate_check TO jobs_hold_reason_check;
ALTER TABLE live_jobs DROP CONSTRAINT jobs_image_count_check, ADD CONSTRAINT jobs_units_check CHECK (units > 0) NOT VALID;
ALTER TABLE live_jobs VALIDATE CONSTRAINT jobs_units_check;
-- Kinds of work are the code's: an unknown one is refused by name before it is written.
ALTER TABLE live_jobs DROP CONSTRAINT jobs_job_type_check;
ALTER TABLE archived_jobs RENAME COLUMN job_type TO kind;
ALTER TABLE archived_jobs RENAME COLUMN lane TO queue;
ALTER TABLE archived_jobs RENAME COLUMN spec TO work;
ALTER TABLE archived_jobs RENAME COLUMN image_count TO units;
ALTER TABLE archived_jobs RENAME COLUMN images TO outputs;
ALTER TABLE archived_jobs RENAME COLUMN gate TO hold_reason;
ALTER TABLE archived_jobs RENAME CONSTRAINT jobs_gate_check TO jobs_hold_reason_check;
ALTER TABLE archived_jobs DROP CONSTRAINT jobs_image_count_check, ADD CONSTRAINT jobs_units_check CHECK (units > 0) NOT VALID;
ALTER TABLE archived_jobs VALIDATE CONSTRAINT jobs_units_check;
ALTER TABLE archived_jobs DROP CONSTRAINT jobs_job_type_check;
COMMENT ON TABLE live_jobs IS 'Jobs that wait or run, and those that ended in the last days; older ones are in archived_jobs.';
COMMENT ON TABLE archived_jobs IS 'Jobs that ended long ago; a job is in live_jobs or here, never in both.';
COMMENT ON COLUMN live_jobs.hold_reason IS 'Why a queued job cannot be claimed: scheduled until its time, capped until its user has a free concurrency slot; open otherwise.';
COMMENT ON COLUMN live_jobs.virtual_start IS 'Start tag of start-time fair queueing, in units of one user in this queue.';
COMMENT ON COLUMN live_jobs.work IS 'What is asked for, in the words of its kind.';
COMMENT ON COLUMN live_jobs.units IS 'What is asked for, counted as its kind is priced: pictures, seconds, slides.';
COMMENT ON COLUMN archived_jobs.hold_reason IS 'Why a queued job cannot be claimed: scheduled until its time, capped until its user has a free concurrency slot; open otherwise.';
COMMENT ON COLUMN archived_jobs.virtual_start IS 'Start tag of start-time fair queueing, in units of one user in this queue.';
COMMENT ON COLUMN archived_jobs.work IS 'What is asked for, in the words of its kind.';
COMMENT ON COLUMN archived_jobs.units IS 'What is asked for, counted as its kind is priced: pictures, seconds, slides.';

-- What a run says. The code of the release before leaves both empty; a claim then says that the run starts.
ALTER TABLE live_jobs ADD COLUMN step text NOT NULL DEFAULT '', ADD COLUMN first_step text NOT NULL DEFAULT '';
ALTER TABLE archived_jobs ADD COLUMN step text NOT NULL DEFAULT '', ADD COLUMN first_step text NOT NULL DEFAULT '';
COMMENT ON COLUMN live_jobs.step IS 'What the run said last of what it does; empty for the words of its kind for the stage.';
COMMENT ON COLUMN live_jobs.first_step IS 'What a run says when it starts, in the words of its kind.';
COMMENT ON COLUMN archived_jobs.step IS 'What the run said last of what it does; empty for the words of its kind for the stage.';
COMMENT ON COLUMN archived_jobs.first_step IS 'What a run says when it starts, in the words of its kind.';

CREATE VIEW stored_jobs AS SELECT * FROM live_jobs UNION ALL SELECT * FROM archived_jobs;
COMMENT ON VIEW stored_jobs IS 'Every job, wherever it is kept: one statement sees each exactly once.';

CREATE VIEW jobs AS
SELECT
    id, user_id, set_id, kind AS job_type, queue AS lane, work AS spec, units AS image_count, status, stage, progress,
    sequence, priority, virtual_start, attempt, retry_count, max_retries, worker, lease_until, scheduled_at,
    deadline_at, cost_credits, captured_credits, outputs AS images, failure, trace, created_at, started_at, ended_at,
    round, hold_reason AS gate, plan, cancel_at, cancel_requested_at, api_key_id, end_user, metadata, carousel_id,
    price_id, route, adjustments, start_after, start_before, aged
FROM live_jobs;
CREATE VIEW jobs_archive AS
SELECT
    id, user_id, set_id, kind AS job_type, queue AS lane, work AS spec, units AS image_count, status, stage, progress,
    sequence, priority, virtual_start, attempt, retry_count, max_retries, worker, lease_until, scheduled_at,
    deadline_at, cost_credits, captured_credits, outputs AS images, failure, trace, created_at, started_at, ended_at,
    round, hold_reason AS gate, plan, cancel_at, cancel_requested_at, api_key_id, end_user, metadata, carousel_id,
    price_id, route, adjustments, start_after, start_before, aged
FROM archived_jobs;
DROP VIEW all_jobs;
CREATE VIEW all_jobs AS SELECT * FROM jobs UNION ALL SELECT * FROM jobs_archive;

ALTER TABLE lanes RENAME TO queues;
ALTER TABLE queues RENAME COLUMN lane TO queue;
COMMENT ON COLUMN queues.max_running IS 'Jobs of the queue that may run at once over all workers, what its provider allows; null means no limit.';
COMMENT ON COLUMN queues.max_queued IS 'Jobs that may wait in the queue; more are refused with 503.';
CREATE VIEW lanes AS SELECT queue AS lane, virtual_time, state, max_running, max_queued, provider FROM queues;

ALTER TABLE lane_shares RENAME TO queue_shares;
ALTER TABLE queue_shares RENAME COLUMN lane TO queue;
CREATE VIEW lane_shares AS SELECT queue AS lane, user_id, virtual_finish FROM queue_shares;

ALTER TABLE credit_accounts RENAME TO accounts;
ALTER TABLE accounts RENAME COLUMN places_taken TO slots_taken;
COMMENT ON COLUMN accounts.slots_taken IS 'Concurrency slots in use: jobs of the user that run or could be claimed; at most max_running.';
CREATE VIEW credit_accounts AS
SELECT
    user_id, available, held, created_at, plan, max_running, daily_limit, spent_today, spent_on, open_jobs,
    slots_taken AS places_taken
FROM accounts;

ALTER TABLE job_stats RENAME TO job_statistics;
ALTER TABLE job_statistics RENAME COLUMN job_type TO kind;
ALTER TABLE job_statistics RENAME COLUMN images TO outputs;
CREATE VIEW job_stats AS
SELECT user_id, day, model, kind AS job_type, status, jobs, outputs AS images, run_seconds, credits, retries
FROM job_statistics;

ALTER TABLE workers RENAME TO worker_presence;
ALTER TABLE worker_presence RENAME COLUMN lanes TO queues;
CREATE VIEW workers AS SELECT id, queues AS lanes, slots, started_at, seen_at FROM worker_presence;

-- The catalogue is read only: the old names are computed from the new ones.
ALTER TABLE models RENAME COLUMN lane TO queue;
ALTER TABLE models RENAME COLUMN credits_per_image TO credits_per_unit;
ALTER TABLE models RENAME COLUMN max_images TO max_units;
ALTER TABLE models DROP CONSTRAINT models_max_images_check, ADD CONSTRAINT models_max_units_check CHECK (max_units > 0);
ALTER TABLE models
    ADD COLUMN lane text GENERATED ALWAYS AS (queue) STORED,
    ADD COLUMN credits_per_image bigint GENERATED ALWAYS AS (credits_per_unit) STORED,
    ADD COLUMN max_images smallint GENERATED ALWAYS AS (max_units) STORED;
ALTER TABLE models ADD COLUMN capabilities text[] NOT NULL DEFAULT '{text_to_image}';
COMMENT ON COLUMN models.capabilities IS 'What the model is for; its provider must serve it too.';
ALTER TABLE prices RENAME COLUMN credits_per_image TO credits_per_unit;
ALTER TABLE prices ADD COLUMN credits_per_image bigint GENERATED ALWAYS AS (credits_per_unit) STORED;
COMMENT ON TABLE prices IS 'What a unit of work costs; the rule that names most of quality and size wins; a model without a rule is refused.';
COMMENT ON COLUMN plans.weight IS 'Share of a queue against other users: 2 gets twice the units of 1.';
COMMENT ON COLUMN plans.max_running IS 'Jobs of one user that may run at once, over all queues; null means no limit.';
COMMENT ON COLUMN plans.max_running_in_all IS 'Jobs of all users of the plan that may run at once in a queue; null means no limit.';

-- Durable steps of a run: what is finished is not done again when another worker takes the job over.
CREATE TABLE job_steps (
    job_id uuid NOT NULL,
    round integer NOT NULL,
    step text NOT NULL CHECK (length(step) BETWEEN 1 AND 100),
    state text NOT NULL CHECK (state IN ('started', 'finished')),
    attempt integer NOT NULL,
    output jsonb NOT NULL DEFAULT '{}',
    call jsonb,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (job_id, round, step),
    CHECK ((state = 'finished') = (finished_at IS NOT NULL))
);
COMMENT ON TABLE job_steps IS 'Steps of runs that outlive their worker: a slide, a rendition, a task of a provider.';
COMMENT ON COLUMN job_steps.attempt IS 'The attempt that wrote the row last: a worker that lost its lease writes nothing.';
COMMENT ON COLUMN job_steps.output IS 'What the step made, in the words of its kind; until it is finished, what the next run needs to go on with it.';
COMMENT ON COLUMN job_steps.call IS 'Record of the call to a provider: outcome, request id, cost; null when none was made.';
