-- Written by `make schema` from the migrations; never edited.
CREATE SCHEMA generation;
ALTER SCHEMA generation OWNER TO generation_owner;
CREATE FUNCTION generation.refuse_ledger_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: correct it with a new transfer' USING ERRCODE = 'restrict_violation';
END $$;
ALTER FUNCTION generation.refuse_ledger_change() OWNER TO generation_owner;
CREATE FUNCTION generation.require_balanced_transfers() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT a.transfer_id INTO wrong
    FROM added AS a GROUP BY a.transfer_id HAVING sum(a.credits) <> 0 OR sum(a.usd_micros) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of transfer % do not sum to 0', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT a.transfer_id INTO wrong FROM added AS a
    WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers AS t WHERE t.id = a.transfer_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no transfer %', wrong USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION generation.require_balanced_transfers() OWNER TO generation_owner;
CREATE TABLE generation.accounts (
    user_id uuid CONSTRAINT credit_accounts_user_id_not_null NOT NULL,
    available bigint DEFAULT 0 CONSTRAINT credit_accounts_available_not_null NOT NULL,
    held bigint DEFAULT 0 CONSTRAINT credit_accounts_held_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT credit_accounts_created_at_not_null NOT NULL,
    plan text DEFAULT 'free'::text CONSTRAINT credit_accounts_plan_not_null NOT NULL,
    max_running integer,
    daily_limit bigint,
    spent_today bigint DEFAULT 0 CONSTRAINT credit_accounts_spent_today_not_null NOT NULL,
    spent_on date DEFAULT '1970-01-01'::date CONSTRAINT credit_accounts_spent_on_not_null NOT NULL,
    open_jobs integer DEFAULT 0 CONSTRAINT credit_accounts_open_jobs_not_null NOT NULL,
    slots_taken integer DEFAULT 0 CONSTRAINT credit_accounts_places_taken_not_null NOT NULL,
    CONSTRAINT credit_accounts_daily_limit_check CHECK ((daily_limit >= 0)),
    CONSTRAINT credit_accounts_held_check CHECK ((held >= 0)),
    CONSTRAINT credit_accounts_max_running_check CHECK ((max_running > 0)),
    CONSTRAINT credit_accounts_never_overdrawn CHECK ((available >= 0)),
    CONSTRAINT credit_accounts_open_jobs_check CHECK ((open_jobs >= 0)),
    CONSTRAINT credit_accounts_places_taken_check CHECK ((slots_taken >= 0)),
    CONSTRAINT credit_accounts_spent_today_check CHECK ((spent_today >= 0))
)
WITH (fillfactor='50');
ALTER TABLE generation.accounts OWNER TO generation_owner;
COMMENT ON TABLE generation.accounts IS 'Running balances of users. Platform accounts have none: one row that every job changes would be a bottleneck.';
COMMENT ON COLUMN generation.accounts.max_running IS 'Overrides the plan; null means as the plan says.';
COMMENT ON COLUMN generation.accounts.daily_limit IS 'Overrides the plan; null means as the plan says.';
COMMENT ON COLUMN generation.accounts.spent_today IS 'Credits held or captured on the UTC day spent_on; what is released on that day is taken off again.';
COMMENT ON COLUMN generation.accounts.open_jobs IS 'Jobs of the user that have not ended.';
COMMENT ON COLUMN generation.accounts.slots_taken IS 'Concurrency slots in use: jobs of the user that run or could be claimed; at most max_running.';
CREATE TABLE generation.actions (
    id uuid NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    user_id uuid,
    job_id uuid,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE generation.actions OWNER TO generation_owner;
COMMENT ON TABLE generation.actions IS 'What people did: cancel, retry, redrive, pause, adjust; what jobs did is in job_events.';
CREATE TABLE generation.archived_jobs (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    user_id uuid CONSTRAINT jobs_user_id_not_null NOT NULL,
    set_id uuid CONSTRAINT jobs_set_id_not_null NOT NULL,
    kind text CONSTRAINT jobs_job_type_not_null NOT NULL,
    queue text CONSTRAINT jobs_lane_not_null NOT NULL,
    work jsonb CONSTRAINT jobs_spec_not_null NOT NULL,
    units smallint CONSTRAINT jobs_image_count_not_null NOT NULL,
    status text CONSTRAINT jobs_status_not_null NOT NULL,
    stage text CONSTRAINT jobs_stage_not_null NOT NULL,
    progress smallint CONSTRAINT jobs_progress_not_null NOT NULL,
    sequence bigint CONSTRAINT jobs_sequence_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    virtual_start double precision CONSTRAINT jobs_virtual_start_not_null NOT NULL,
    attempt integer CONSTRAINT jobs_attempt_not_null NOT NULL,
    retry_count integer CONSTRAINT jobs_retry_count_not_null NOT NULL,
    max_retries integer CONSTRAINT jobs_max_retries_not_null NOT NULL,
    worker text CONSTRAINT jobs_worker_not_null NOT NULL,
    lease_until timestamp with time zone,
    scheduled_at timestamp with time zone CONSTRAINT jobs_scheduled_at_not_null NOT NULL,
    deadline_at timestamp with time zone CONSTRAINT jobs_deadline_at_not_null NOT NULL,
    cost_credits bigint CONSTRAINT jobs_cost_credits_not_null NOT NULL,
    captured_credits bigint,
    outputs jsonb CONSTRAINT jobs_images_not_null NOT NULL,
    failure jsonb,
    trace jsonb CONSTRAINT jobs_trace_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    round integer CONSTRAINT jobs_round_not_null NOT NULL,
    hold_reason text CONSTRAINT jobs_gate_not_null NOT NULL,
    plan text CONSTRAINT jobs_plan_not_null NOT NULL,
    cancel_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    api_key_id uuid,
    end_user text CONSTRAINT jobs_end_user_not_null NOT NULL,
    metadata jsonb CONSTRAINT jobs_metadata_not_null NOT NULL,
    carousel_id uuid,
    price_id text CONSTRAINT jobs_price_id_not_null NOT NULL,
    route jsonb CONSTRAINT jobs_route_not_null NOT NULL,
    adjustments jsonb CONSTRAINT jobs_adjustments_not_null NOT NULL,
    start_after timestamp with time zone,
    start_before timestamp with time zone,
    aged smallint CONSTRAINT jobs_aged_not_null NOT NULL,
    step text DEFAULT ''::text NOT NULL,
    first_step text DEFAULT ''::text NOT NULL,
    CONSTRAINT jobs_aged_check CHECK (((aged >= 0) AND (aged <= 2))),
    CONSTRAINT jobs_archive_is_ended CHECK ((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT jobs_check CHECK (((captured_credits >= 0) AND (captured_credits <= cost_credits))),
    CONSTRAINT jobs_cost_credits_check CHECK ((cost_credits > 0)),
    CONSTRAINT jobs_failure_says_why CHECK (((status = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT jobs_hold_reason_check CHECK ((hold_reason = ANY (ARRAY['open'::text, 'scheduled'::text, 'capped'::text]))),
    CONSTRAINT jobs_lease_while_processing CHECK (((status = 'processing'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT jobs_round_check CHECK ((round > 0)),
    CONSTRAINT jobs_settled_at_the_end CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = ((ended_at IS NOT NULL) AND (captured_credits IS NOT NULL)))),
    CONSTRAINT jobs_stage_check CHECK ((stage = ANY (ARRAY['waiting'::text, 'routing'::text, 'starting'::text, 'generating'::text, 'uploading'::text, 'reconciling'::text, 'cancelling'::text, 'done'::text]))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT jobs_units_check CHECK ((units > 0))
)
WITH (fillfactor='100', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_vacuum_insert_threshold='10000');
ALTER TABLE generation.archived_jobs OWNER TO generation_owner;
COMMENT ON TABLE generation.archived_jobs IS 'Jobs that ended long ago; a job is in live_jobs or here, never in both.';
COMMENT ON COLUMN generation.archived_jobs.work IS 'What is asked for, in the words of its kind.';
COMMENT ON COLUMN generation.archived_jobs.units IS 'What is asked for, counted as its kind is priced: pictures, seconds, slides.';
COMMENT ON COLUMN generation.archived_jobs.priority IS 'Smaller runs earlier: 0 high, 1 normal, 2 low; falls with the time a job waits behind others.';
COMMENT ON COLUMN generation.archived_jobs.virtual_start IS 'Start tag of start-time fair queueing, in units of one user in this queue.';
COMMENT ON COLUMN generation.archived_jobs.attempt IS 'Fencing number: runs started so far; never goes back.';
COMMENT ON COLUMN generation.archived_jobs.round IS 'Counts the submissions of this job: 1, and one more for each retry by its user; money is settled once per round.';
COMMENT ON COLUMN generation.archived_jobs.hold_reason IS 'Why a queued job cannot be claimed: scheduled until its time, capped until its user has a free concurrency slot; open otherwise.';
COMMENT ON COLUMN generation.archived_jobs.cancel_at IS 'The job ends by then, whatever it does (Cancel-After).';
COMMENT ON COLUMN generation.archived_jobs.start_after IS 'The start interval that was quoted at submission, for its measured hit rate.';
COMMENT ON COLUMN generation.archived_jobs.aged IS 'Classes gained by waiting: priority plus aged is what was asked for.';
COMMENT ON COLUMN generation.archived_jobs.step IS 'What the run said last of what it does; empty for the words of its kind for the stage.';
COMMENT ON COLUMN generation.archived_jobs.first_step IS 'What a run says when it starts, in the words of its kind.';
CREATE TABLE generation.live_jobs (
    id uuid CONSTRAINT jobs_id_not_null NOT NULL,
    user_id uuid CONSTRAINT jobs_user_id_not_null NOT NULL,
    set_id uuid CONSTRAINT jobs_set_id_not_null NOT NULL,
    kind text DEFAULT 'image'::text CONSTRAINT jobs_job_type_not_null NOT NULL,
    queue text CONSTRAINT jobs_lane_not_null NOT NULL,
    work jsonb CONSTRAINT jobs_spec_not_null NOT NULL,
    units smallint CONSTRAINT jobs_image_count_not_null NOT NULL,
    status text DEFAULT 'queued'::text CONSTRAINT jobs_status_not_null NOT NULL,
    stage text DEFAULT 'waiting'::text CONSTRAINT jobs_stage_not_null NOT NULL,
    progress smallint DEFAULT 0 CONSTRAINT jobs_progress_not_null NOT NULL,
    sequence bigint DEFAULT 1 CONSTRAINT jobs_sequence_not_null NOT NULL,
    priority smallint CONSTRAINT jobs_priority_not_null NOT NULL,
    virtual_start double precision CONSTRAINT jobs_virtual_start_not_null NOT NULL,
    attempt integer DEFAULT 0 CONSTRAINT jobs_attempt_not_null NOT NULL,
    retry_count integer DEFAULT 0 CONSTRAINT jobs_retry_count_not_null NOT NULL,
    max_retries integer CONSTRAINT jobs_max_retries_not_null NOT NULL,
    worker text DEFAULT ''::text CONSTRAINT jobs_worker_not_null NOT NULL,
    lease_until timestamp with time zone,
    scheduled_at timestamp with time zone CONSTRAINT jobs_scheduled_at_not_null NOT NULL,
    deadline_at timestamp with time zone CONSTRAINT jobs_deadline_at_not_null NOT NULL,
    cost_credits bigint CONSTRAINT jobs_cost_credits_not_null NOT NULL,
    captured_credits bigint,
    outputs jsonb DEFAULT '[]'::jsonb CONSTRAINT jobs_images_not_null NOT NULL,
    failure jsonb,
    trace jsonb DEFAULT '{}'::jsonb CONSTRAINT jobs_trace_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT jobs_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    round integer DEFAULT 1 CONSTRAINT jobs_round_not_null NOT NULL,
    hold_reason text DEFAULT 'open'::text CONSTRAINT jobs_gate_not_null NOT NULL,
    plan text DEFAULT 'free'::text CONSTRAINT jobs_plan_not_null NOT NULL,
    cancel_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    api_key_id uuid,
    end_user text DEFAULT ''::text CONSTRAINT jobs_end_user_not_null NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb CONSTRAINT jobs_metadata_not_null NOT NULL,
    carousel_id uuid,
    price_id text DEFAULT ''::text CONSTRAINT jobs_price_id_not_null NOT NULL,
    route jsonb DEFAULT '{}'::jsonb CONSTRAINT jobs_route_not_null NOT NULL,
    adjustments jsonb DEFAULT '[]'::jsonb CONSTRAINT jobs_adjustments_not_null NOT NULL,
    start_after timestamp with time zone,
    start_before timestamp with time zone,
    aged smallint DEFAULT 0 CONSTRAINT jobs_aged_not_null NOT NULL,
    step text DEFAULT ''::text NOT NULL,
    first_step text DEFAULT ''::text NOT NULL,
    CONSTRAINT jobs_aged_check CHECK (((aged >= 0) AND (aged <= 2))),
    CONSTRAINT jobs_check CHECK (((captured_credits >= 0) AND (captured_credits <= cost_credits))),
    CONSTRAINT jobs_cost_credits_check CHECK ((cost_credits > 0)),
    CONSTRAINT jobs_failure_says_why CHECK (((status = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT jobs_hold_reason_check CHECK ((hold_reason = ANY (ARRAY['open'::text, 'scheduled'::text, 'capped'::text]))),
    CONSTRAINT jobs_lease_while_processing CHECK (((status = 'processing'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT jobs_round_check CHECK ((round > 0)),
    CONSTRAINT jobs_settled_at_the_end CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = ((ended_at IS NOT NULL) AND (captured_credits IS NOT NULL)))),
    CONSTRAINT jobs_stage_check CHECK ((stage = ANY (ARRAY['waiting'::text, 'routing'::text, 'starting'::text, 'generating'::text, 'uploading'::text, 'reconciling'::text, 'cancelling'::text, 'done'::text]))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT jobs_units_check CHECK ((units > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.05');
ALTER TABLE generation.live_jobs OWNER TO generation_owner;
COMMENT ON TABLE generation.live_jobs IS 'Jobs that wait or run, and those that ended in the last days; older ones are in archived_jobs.';
COMMENT ON COLUMN generation.live_jobs.work IS 'What is asked for, in the words of its kind.';
COMMENT ON COLUMN generation.live_jobs.units IS 'What is asked for, counted as its kind is priced: pictures, seconds, slides.';
COMMENT ON COLUMN generation.live_jobs.priority IS 'Smaller runs earlier: 0 high, 1 normal, 2 low; falls with the time a job waits behind others.';
COMMENT ON COLUMN generation.live_jobs.virtual_start IS 'Start tag of start-time fair queueing, in units of one user in this queue.';
COMMENT ON COLUMN generation.live_jobs.attempt IS 'Fencing number: runs started so far; never goes back.';
COMMENT ON COLUMN generation.live_jobs.round IS 'Counts the submissions of this job: 1, and one more for each retry by its user; money is settled once per round.';
COMMENT ON COLUMN generation.live_jobs.hold_reason IS 'Why a queued job cannot be claimed: scheduled until its time, capped until its user has a free concurrency slot; open otherwise.';
COMMENT ON COLUMN generation.live_jobs.cancel_at IS 'The job ends by then, whatever it does (Cancel-After).';
COMMENT ON COLUMN generation.live_jobs.start_after IS 'The start interval that was quoted at submission, for its measured hit rate.';
COMMENT ON COLUMN generation.live_jobs.aged IS 'Classes gained by waiting: priority plus aged is what was asked for.';
COMMENT ON COLUMN generation.live_jobs.step IS 'What the run said last of what it does; empty for the words of its kind for the stage.';
COMMENT ON COLUMN generation.live_jobs.first_step IS 'What a run says when it starts, in the words of its kind.';
CREATE VIEW generation.jobs AS
 SELECT id,
    user_id,
    set_id,
    kind AS job_type,
    queue AS lane,
    work AS spec,
    units AS image_count,
    status,
    stage,
    progress,
    sequence,
    priority,
    virtual_start,
    attempt,
    retry_count,
    max_retries,
    worker,
    lease_until,
    scheduled_at,
    deadline_at,
    cost_credits,
    captured_credits,
    outputs AS images,
    failure,
    trace,
    created_at,
    started_at,
    ended_at,
    round,
    hold_reason AS gate,
    plan,
    cancel_at,
    cancel_requested_at,
    api_key_id,
    end_user,
    metadata,
    carousel_id,
    price_id,
    route,
    adjustments,
    start_after,
    start_before,
    aged
   FROM generation.live_jobs;
ALTER VIEW generation.jobs OWNER TO generation_owner;
CREATE VIEW generation.jobs_archive AS
 SELECT id,
    user_id,
    set_id,
    kind AS job_type,
    queue AS lane,
    work AS spec,
    units AS image_count,
    status,
    stage,
    progress,
    sequence,
    priority,
    virtual_start,
    attempt,
    retry_count,
    max_retries,
    worker,
    lease_until,
    scheduled_at,
    deadline_at,
    cost_credits,
    captured_credits,
    outputs AS images,
    failure,
    trace,
    created_at,
    started_at,
    ended_at,
    round,
    hold_reason AS gate,
    plan,
    cancel_at,
    cancel_requested_at,
    api_key_id,
    end_user,
    metadata,
    carousel_id,
    price_id,
    route,
    adjustments,
    start_after,
    start_before,
    aged
   FROM generation.archived_jobs;
ALTER VIEW generation.jobs_archive OWNER TO generation_owner;
CREATE VIEW generation.all_jobs AS
 SELECT jobs.id,
    jobs.user_id,
    jobs.set_id,
    jobs.job_type,
    jobs.lane,
    jobs.spec,
    jobs.image_count,
    jobs.status,
    jobs.stage,
    jobs.progress,
    jobs.sequence,
    jobs.priority,
    jobs.virtual_start,
    jobs.attempt,
    jobs.retry_count,
    jobs.max_retries,
    jobs.worker,
    jobs.lease_until,
    jobs.scheduled_at,
    jobs.deadline_at,
    jobs.cost_credits,
    jobs.captured_credits,
    jobs.images,
    jobs.failure,
    jobs.trace,
    jobs.created_at,
    jobs.started_at,
    jobs.ended_at,
    jobs.round,
    jobs.gate,
    jobs.plan,
    jobs.cancel_at,
    jobs.cancel_requested_at,
    jobs.api_key_id,
    jobs.end_user,
    jobs.metadata,
    jobs.carousel_id,
    jobs.price_id,
    jobs.route,
    jobs.adjustments,
    jobs.start_after,
    jobs.start_before,
    jobs.aged
   FROM generation.jobs
UNION ALL
 SELECT jobs_archive.id,
    jobs_archive.user_id,
    jobs_archive.set_id,
    jobs_archive.job_type,
    jobs_archive.lane,
    jobs_archive.spec,
    jobs_archive.image_count,
    jobs_archive.status,
    jobs_archive.stage,
    jobs_archive.progress,
    jobs_archive.sequence,
    jobs_archive.priority,
    jobs_archive.virtual_start,
    jobs_archive.attempt,
    jobs_archive.retry_count,
    jobs_archive.max_retries,
    jobs_archive.worker,
    jobs_archive.lease_until,
    jobs_archive.scheduled_at,
    jobs_archive.deadline_at,
    jobs_archive.cost_credits,
    jobs_archive.captured_credits,
    jobs_archive.images,
    jobs_archive.failure,
    jobs_archive.trace,
    jobs_archive.created_at,
    jobs_archive.started_at,
    jobs_archive.ended_at,
    jobs_archive.round,
    jobs_archive.gate,
    jobs_archive.plan,
    jobs_archive.cancel_at,
    jobs_archive.cancel_requested_at,
    jobs_archive.api_key_id,
    jobs_archive.end_user,
    jobs_archive.metadata,
    jobs_archive.carousel_id,
    jobs_archive.price_id,
    jobs_archive.route,
    jobs_archive.adjustments,
    jobs_archive.start_after,
    jobs_archive.start_before,
    jobs_archive.aged
   FROM generation.jobs_archive;
ALTER VIEW generation.all_jobs OWNER TO generation_owner;
CREATE TABLE generation.attempts (
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    worker text NOT NULL,
    model text NOT NULL,
    state text DEFAULT 'claimed'::text NOT NULL,
    outcome text,
    provider_request_id text DEFAULT ''::text NOT NULL,
    cost_usd_micros bigint,
    failure_code text DEFAULT ''::text NOT NULL,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL,
    submitted_at timestamp with time zone,
    ended_at timestamp with time zone,
    round integer DEFAULT 1 NOT NULL,
    provider text DEFAULT ''::text NOT NULL,
    CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['sent'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'submitting'::text, 'succeeded'::text, 'failed'::text, 'unknown'::text, 'abandoned'::text])))
)
WITH (fillfactor='80');
ALTER TABLE generation.attempts OWNER TO generation_owner;
COMMENT ON COLUMN generation.attempts.cost_usd_micros IS 'What the provider charges, in millionths of a US dollar; null means unknown.';
CREATE TABLE generation.budget_reservations (
    job_id uuid NOT NULL,
    round integer NOT NULL,
    budget_id uuid NOT NULL,
    period_start date NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT budget_reservations_amount_check CHECK ((amount >= 0))
);
ALTER TABLE generation.budget_reservations OWNER TO generation_owner;
CREATE TABLE generation.budgets (
    id uuid NOT NULL,
    scope text NOT NULL,
    subject text NOT NULL,
    period text NOT NULL,
    unit text NOT NULL,
    limit_amount bigint NOT NULL,
    used bigint DEFAULT 0 NOT NULL,
    period_start date DEFAULT '1970-01-01'::date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT budgets_limit_amount_check CHECK ((limit_amount >= 0)),
    CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['day'::text, 'month'::text, 'total'::text]))),
    CONSTRAINT budgets_scope_check CHECK ((scope = ANY (ARRAY['key'::text, 'user'::text, 'provider'::text, 'platform'::text]))),
    CONSTRAINT budgets_unit_check CHECK ((unit = ANY (ARRAY['credits'::text, 'usd_micros'::text]))),
    CONSTRAINT budgets_used_check CHECK ((used >= 0))
)
WITH (fillfactor='50');
ALTER TABLE generation.budgets OWNER TO generation_owner;
COMMENT ON COLUMN generation.budgets.subject IS 'Hex id of the key or user, name of the provider, or empty for the platform.';
COMMENT ON COLUMN generation.budgets.used IS 'Reserved and spent in the period that began at period_start; an older period counts as 0.';
CREATE VIEW generation.credit_accounts AS
 SELECT user_id,
    available,
    held,
    created_at,
    plan,
    max_running,
    daily_limit,
    spent_today,
    spent_on,
    open_jobs,
    slots_taken AS places_taken
   FROM generation.accounts;
ALTER VIEW generation.credit_accounts OWNER TO generation_owner;
CREATE TABLE generation.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE generation.inbox OWNER TO generation_owner;
CREATE TABLE generation.job_events (
    job_id uuid NOT NULL,
    sequence bigint NOT NULL,
    status text NOT NULL,
    stage text NOT NULL,
    progress smallint NOT NULL,
    message text NOT NULL,
    failure jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    user_id uuid,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_vacuum_insert_threshold='10000');
ALTER TABLE generation.job_events OWNER TO generation_owner;
COMMENT ON COLUMN generation.job_events.facts IS 'What else of the row changed; the events of a job, folded in order, give its row.';
CREATE TABLE generation.job_statistics (
    user_id uuid CONSTRAINT job_stats_user_id_not_null NOT NULL,
    day date CONSTRAINT job_stats_day_not_null NOT NULL,
    model text CONSTRAINT job_stats_model_not_null NOT NULL,
    kind text CONSTRAINT job_stats_job_type_not_null NOT NULL,
    status text CONSTRAINT job_stats_status_not_null NOT NULL,
    jobs bigint CONSTRAINT job_stats_jobs_not_null NOT NULL,
    outputs bigint CONSTRAINT job_stats_images_not_null NOT NULL,
    run_seconds double precision CONSTRAINT job_stats_run_seconds_not_null NOT NULL,
    credits bigint CONSTRAINT job_stats_credits_not_null NOT NULL,
    retries bigint DEFAULT 0 CONSTRAINT job_stats_retries_not_null NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE generation.job_statistics OWNER TO generation_owner;
COMMENT ON TABLE generation.job_statistics IS 'Ended jobs summed by user and UTC day, written with the end of each job, so that statistics never read the jobs.';
COMMENT ON COLUMN generation.job_statistics.retries IS 'Runs that were repeated after a failure, counted with the end of their job.';
CREATE VIEW generation.job_stats AS
 SELECT user_id,
    day,
    model,
    kind AS job_type,
    status,
    jobs,
    outputs AS images,
    run_seconds,
    credits,
    retries
   FROM generation.job_statistics;
ALTER VIEW generation.job_stats OWNER TO generation_owner;
CREATE TABLE generation.job_steps (
    job_id uuid NOT NULL,
    round integer NOT NULL,
    step text NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    output jsonb DEFAULT '{}'::jsonb NOT NULL,
    call jsonb,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT job_steps_check CHECK (((state = 'finished'::text) = (finished_at IS NOT NULL))),
    CONSTRAINT job_steps_state_check CHECK ((state = ANY (ARRAY['started'::text, 'finished'::text]))),
    CONSTRAINT job_steps_step_check CHECK (((length(step) >= 1) AND (length(step) <= 100)))
);
ALTER TABLE generation.job_steps OWNER TO generation_owner;
COMMENT ON TABLE generation.job_steps IS 'Steps of runs that outlive their worker: a slide, a rendition, a task of a provider.';
COMMENT ON COLUMN generation.job_steps.attempt IS 'The attempt that wrote the row last: a worker that lost its lease writes nothing.';
COMMENT ON COLUMN generation.job_steps.output IS 'What the step made, in the words of its kind; until it is finished, what the next run needs to go on with it.';
COMMENT ON COLUMN generation.job_steps.call IS 'Record of the call to a provider: outcome, request id, cost; null when none was made.';
CREATE TABLE generation.queue_shares (
    queue text CONSTRAINT lane_shares_lane_not_null NOT NULL,
    user_id uuid CONSTRAINT lane_shares_user_id_not_null NOT NULL,
    virtual_finish double precision CONSTRAINT lane_shares_virtual_finish_not_null NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE generation.queue_shares OWNER TO generation_owner;
CREATE VIEW generation.lane_shares AS
 SELECT queue AS lane,
    user_id,
    virtual_finish
   FROM generation.queue_shares;
ALTER VIEW generation.lane_shares OWNER TO generation_owner;
CREATE TABLE generation.queues (
    queue text CONSTRAINT lanes_lane_not_null NOT NULL,
    virtual_time double precision DEFAULT 0 CONSTRAINT lanes_virtual_time_not_null NOT NULL,
    state text DEFAULT 'open'::text CONSTRAINT lanes_state_not_null NOT NULL,
    max_running integer,
    max_queued integer DEFAULT 200000 CONSTRAINT lanes_max_queued_not_null NOT NULL,
    provider text DEFAULT ''::text CONSTRAINT lanes_provider_not_null NOT NULL,
    CONSTRAINT lanes_max_queued_check CHECK ((max_queued > 0)),
    CONSTRAINT lanes_max_running_check CHECK ((max_running > 0)),
    CONSTRAINT lanes_state_check CHECK ((state = ANY (ARRAY['open'::text, 'paused'::text, 'draining'::text])))
)
WITH (fillfactor='50');
ALTER TABLE generation.queues OWNER TO generation_owner;
COMMENT ON COLUMN generation.queues.virtual_time IS 'Start tag of the job claimed last; a user who comes now starts from here.';
COMMENT ON COLUMN generation.queues.state IS 'open; paused: accepts and does not start; draining: starts and does not accept.';
COMMENT ON COLUMN generation.queues.max_running IS 'Jobs of the queue that may run at once over all workers, what its provider allows; null means no limit.';
COMMENT ON COLUMN generation.queues.max_queued IS 'Jobs that may wait in the queue; more are refused with 503.';
CREATE VIEW generation.lanes AS
 SELECT queue AS lane,
    virtual_time,
    state,
    max_running,
    max_queued,
    provider
   FROM generation.queues;
ALTER VIEW generation.lanes OWNER TO generation_owner;
CREATE TABLE generation.ledger_entries (
    transfer_id uuid NOT NULL,
    line smallint NOT NULL,
    account text NOT NULL,
    user_id uuid,
    credits bigint DEFAULT 0 NOT NULL,
    usd_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ledger_entries_account_check CHECK ((account = ANY (ARRAY['user_available'::text, 'user_held'::text, 'platform_revenue'::text, 'provider_cost'::text, 'promotions'::text, 'payments'::text]))),
    CONSTRAINT ledger_entries_name_their_user CHECK (((account = ANY (ARRAY['user_available'::text, 'user_held'::text])) = (user_id IS NOT NULL))),
    CONSTRAINT ledger_entries_one_unit CHECK (((credits <> 0) <> (usd_micros <> 0))),
    CONSTRAINT ledger_entries_users_have_credits CHECK (((user_id IS NULL) OR (usd_micros = 0)))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_vacuum_insert_threshold='10000');
ALTER TABLE generation.ledger_entries OWNER TO generation_owner;
CREATE TABLE generation.ledger_transfers (
    id uuid NOT NULL,
    kind text NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid,
    grant_id text,
    memo text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    round integer DEFAULT 1 NOT NULL,
    actor text DEFAULT ''::text NOT NULL,
    CONSTRAINT ledger_transfers_have_a_cause CHECK (((kind = ANY (ARRAY['grant'::text, 'promotion'::text, 'adjustment'::text])) = ((grant_id IS NOT NULL) AND (job_id IS NULL)))),
    CONSTRAINT ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['grant'::text, 'promotion'::text, 'adjustment'::text, 'hold'::text, 'capture'::text, 'release'::text, 'refund'::text, 'provider_cost'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_vacuum_insert_threshold='10000');
ALTER TABLE generation.ledger_transfers OWNER TO generation_owner;
COMMENT ON COLUMN generation.ledger_transfers.grant_id IS 'Names what is given once: a grant, a promotion code, an adjustment.';
COMMENT ON COLUMN generation.ledger_transfers.actor IS 'Who made an adjustment or refund; empty for the system.';
CREATE TABLE generation.models (
    id text NOT NULL,
    "position" smallint NOT NULL,
    provider text NOT NULL,
    provider_model text NOT NULL,
    aliases text[] DEFAULT '{}'::text[] NOT NULL,
    display_name text NOT NULL,
    queue text CONSTRAINT models_lane_not_null NOT NULL,
    credits_per_unit bigint CONSTRAINT models_credits_per_image_not_null NOT NULL,
    ratios json NOT NULL,
    extra_sizes text[] DEFAULT '{}'::text[] NOT NULL,
    styles text[] DEFAULT '{}'::text[] NOT NULL,
    qualities text[] DEFAULT '{}'::text[] NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    max_units smallint DEFAULT 10 CONSTRAINT models_max_images_not_null NOT NULL,
    typical_seconds double precision NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    takes_seed boolean DEFAULT false NOT NULL,
    lane text GENERATED ALWAYS AS (queue) STORED,
    credits_per_image bigint GENERATED ALWAYS AS (credits_per_unit) STORED,
    max_images smallint GENERATED ALWAYS AS (max_units) STORED,
    capabilities text[] DEFAULT '{text_to_image}'::text[] NOT NULL,
    CONSTRAINT models_credits_per_image_check CHECK ((credits_per_unit > 0)),
    CONSTRAINT models_max_units_check CHECK ((max_units > 0)),
    CONSTRAINT models_typical_seconds_check CHECK ((typical_seconds > (0)::double precision))
);
ALTER TABLE generation.models OWNER TO generation_owner;
COMMENT ON COLUMN generation.models.ratios IS 'Aspect ratio to size, such as {"16:9": "1344x768"}; json and not jsonb, because the order is the catalogue''s.';
COMMENT ON COLUMN generation.models.styles IS 'Accepted presets; empty means any word.';
COMMENT ON COLUMN generation.models.parameters IS 'Provider options by name, each with the words it accepts.';
COMMENT ON COLUMN generation.models.takes_seed IS 'Whether a seed reproduces a picture; a seed for a model that takes none is refused, or dropped where the caller allows it.';
COMMENT ON COLUMN generation.models.capabilities IS 'What the model is for; its provider must serve it too.';
CREATE TABLE generation.outbox (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    value bytea NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000');
ALTER TABLE generation.outbox OWNER TO generation_owner;
ALTER TABLE generation.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME generation.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE generation.plans (
    id text NOT NULL,
    weight double precision NOT NULL,
    max_running integer,
    max_running_in_all integer,
    max_open_jobs integer NOT NULL,
    top_priority smallint NOT NULL,
    daily_credits bigint,
    CONSTRAINT plans_daily_credits_check CHECK ((daily_credits >= 0)),
    CONSTRAINT plans_max_open_jobs_check CHECK ((max_open_jobs > 0)),
    CONSTRAINT plans_max_running_check CHECK ((max_running > 0)),
    CONSTRAINT plans_max_running_in_all_check CHECK ((max_running_in_all > 0)),
    CONSTRAINT plans_top_priority_check CHECK (((top_priority >= 0) AND (top_priority <= 2))),
    CONSTRAINT plans_weight_check CHECK ((weight > (0)::double precision))
);
ALTER TABLE generation.plans OWNER TO generation_owner;
COMMENT ON COLUMN generation.plans.weight IS 'Share of a queue against other users: 2 gets twice the units of 1.';
COMMENT ON COLUMN generation.plans.max_running IS 'Jobs of one user that may run at once, over all queues; null means no limit.';
COMMENT ON COLUMN generation.plans.max_running_in_all IS 'Jobs of all users of the plan that may run at once in a queue; null means no limit.';
COMMENT ON COLUMN generation.plans.max_open_jobs IS 'Jobs of one user that have not ended; more are refused.';
COMMENT ON COLUMN generation.plans.daily_credits IS 'Credits a user may hold or spend in a UTC day unless the account says otherwise; null means no limit.';
CREATE TABLE generation.prices (
    id text NOT NULL,
    model text NOT NULL,
    quality text DEFAULT ''::text NOT NULL,
    size text DEFAULT ''::text NOT NULL,
    credits_per_unit bigint CONSTRAINT prices_credits_per_image_not_null NOT NULL,
    cost_usd_micros bigint,
    credits_per_image bigint GENERATED ALWAYS AS (credits_per_unit) STORED,
    CONSTRAINT prices_cost_usd_micros_check CHECK ((cost_usd_micros >= 0)),
    CONSTRAINT prices_credits_per_image_check CHECK ((credits_per_unit > 0))
);
ALTER TABLE generation.prices OWNER TO generation_owner;
COMMENT ON TABLE generation.prices IS 'What a unit of work costs; the rule that names most of quality and size wins; a model without a rule is refused.';
COMMENT ON COLUMN generation.prices.cost_usd_micros IS 'What we expect the provider to charge for a picture; null means unknown.';
CREATE TABLE generation.promotions (
    code text NOT NULL,
    credits bigint NOT NULL,
    max_uses integer,
    used integer DEFAULT 0 NOT NULL,
    ends_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT promotions_check CHECK (((max_uses IS NULL) OR (used <= max_uses))),
    CONSTRAINT promotions_code_check CHECK ((code ~ '^[A-Z0-9-]{3,40}$'::text)),
    CONSTRAINT promotions_credits_check CHECK ((credits > 0)),
    CONSTRAINT promotions_max_uses_check CHECK ((max_uses > 0))
);
ALTER TABLE generation.promotions OWNER TO generation_owner;
CREATE TABLE generation.provider_health (
    provider text NOT NULL,
    state text DEFAULT 'closed'::text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT provider_health_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
);
ALTER TABLE generation.provider_health OWNER TO generation_owner;
COMMENT ON TABLE generation.provider_health IS 'Breakers of the workers: open after repeated failures, half open for one probe.';
CREATE TABLE generation.set_aside_jobs (
    job_id uuid NOT NULL,
    duty text NOT NULL,
    reason text NOT NULL,
    failures integer NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    look_again_at timestamp with time zone NOT NULL,
    CONSTRAINT set_aside_jobs_duty_check CHECK (((length(duty) >= 1) AND (length(duty) <= 100))),
    CONSTRAINT set_aside_jobs_failures_check CHECK ((failures > 0))
);
ALTER TABLE generation.set_aside_jobs OWNER TO generation_owner;
COMMENT ON TABLE generation.set_aside_jobs IS 'Jobs that a duty could not process, with the reason.';
COMMENT ON COLUMN generation.set_aside_jobs.failures IS 'How often in a row; the pause before the next look grows with it.';
CREATE VIEW generation.stored_jobs AS
 SELECT live_jobs.id,
    live_jobs.user_id,
    live_jobs.set_id,
    live_jobs.kind,
    live_jobs.queue,
    live_jobs.work,
    live_jobs.units,
    live_jobs.status,
    live_jobs.stage,
    live_jobs.progress,
    live_jobs.sequence,
    live_jobs.priority,
    live_jobs.virtual_start,
    live_jobs.attempt,
    live_jobs.retry_count,
    live_jobs.max_retries,
    live_jobs.worker,
    live_jobs.lease_until,
    live_jobs.scheduled_at,
    live_jobs.deadline_at,
    live_jobs.cost_credits,
    live_jobs.captured_credits,
    live_jobs.outputs,
    live_jobs.failure,
    live_jobs.trace,
    live_jobs.created_at,
    live_jobs.started_at,
    live_jobs.ended_at,
    live_jobs.round,
    live_jobs.hold_reason,
    live_jobs.plan,
    live_jobs.cancel_at,
    live_jobs.cancel_requested_at,
    live_jobs.api_key_id,
    live_jobs.end_user,
    live_jobs.metadata,
    live_jobs.carousel_id,
    live_jobs.price_id,
    live_jobs.route,
    live_jobs.adjustments,
    live_jobs.start_after,
    live_jobs.start_before,
    live_jobs.aged,
    live_jobs.step,
    live_jobs.first_step
   FROM generation.live_jobs
UNION ALL
 SELECT archived_jobs.id,
    archived_jobs.user_id,
    archived_jobs.set_id,
    archived_jobs.kind,
    archived_jobs.queue,
    archived_jobs.work,
    archived_jobs.units,
    archived_jobs.status,
    archived_jobs.stage,
    archived_jobs.progress,
    archived_jobs.sequence,
    archived_jobs.priority,
    archived_jobs.virtual_start,
    archived_jobs.attempt,
    archived_jobs.retry_count,
    archived_jobs.max_retries,
    archived_jobs.worker,
    archived_jobs.lease_until,
    archived_jobs.scheduled_at,
    archived_jobs.deadline_at,
    archived_jobs.cost_credits,
    archived_jobs.captured_credits,
    archived_jobs.outputs,
    archived_jobs.failure,
    archived_jobs.trace,
    archived_jobs.created_at,
    archived_jobs.started_at,
    archived_jobs.ended_at,
    archived_jobs.round,
    archived_jobs.hold_reason,
    archived_jobs.plan,
    archived_jobs.cancel_at,
    archived_jobs.cancel_requested_at,
    archived_jobs.api_key_id,
    archived_jobs.end_user,
    archived_jobs.metadata,
    archived_jobs.carousel_id,
    archived_jobs.price_id,
    archived_jobs.route,
    archived_jobs.adjustments,
    archived_jobs.start_after,
    archived_jobs.start_before,
    archived_jobs.aged,
    archived_jobs.step,
    archived_jobs.first_step
   FROM generation.archived_jobs;
ALTER VIEW generation.stored_jobs OWNER TO generation_owner;
COMMENT ON VIEW generation.stored_jobs IS 'Every job, wherever it is kept: one statement sees each exactly once.';
CREATE TABLE generation.submissions (
    user_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='5000');
ALTER TABLE generation.submissions OWNER TO generation_owner;
COMMENT ON TABLE generation.submissions IS 'Idempotency keys and the jobs they made; kept for 72 hours.';
CREATE UNLOGGED TABLE generation.worker_presence (
    id text CONSTRAINT workers_id_not_null NOT NULL,
    queues text[] CONSTRAINT workers_lanes_not_null NOT NULL,
    slots integer CONSTRAINT workers_slots_not_null NOT NULL,
    started_at timestamp with time zone DEFAULT now() CONSTRAINT workers_started_at_not_null NOT NULL,
    seen_at timestamp with time zone DEFAULT now() CONSTRAINT workers_seen_at_not_null NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE generation.worker_presence OWNER TO generation_owner;
COMMENT ON TABLE generation.worker_presence IS 'Worker processes by their last sign of life; for operators, nothing is decided by it.';
CREATE VIEW generation.workers AS
 SELECT id,
    queues AS lanes,
    slots,
    started_at,
    seen_at
   FROM generation.worker_presence;
ALTER VIEW generation.workers OWNER TO generation_owner;
ALTER TABLE ONLY generation.actions
    ADD CONSTRAINT actions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (job_id, attempt);
ALTER TABLE ONLY generation.budget_reservations
    ADD CONSTRAINT budget_reservations_pkey PRIMARY KEY (job_id, round, budget_id);
ALTER TABLE ONLY generation.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.budgets
    ADD CONSTRAINT budgets_scope_subject_period_unit_key UNIQUE (scope, subject, period, unit);
ALTER TABLE ONLY generation.accounts
    ADD CONSTRAINT credit_accounts_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY generation.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);
ALTER TABLE ONLY generation.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (job_id, sequence);
ALTER TABLE ONLY generation.job_statistics
    ADD CONSTRAINT job_stats_pkey PRIMARY KEY (user_id, day, model, kind, status);
ALTER TABLE ONLY generation.job_steps
    ADD CONSTRAINT job_steps_pkey PRIMARY KEY (job_id, round, step);
ALTER TABLE ONLY generation.archived_jobs
    ADD CONSTRAINT jobs_archive_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.live_jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.queue_shares
    ADD CONSTRAINT lane_shares_pkey PRIMARY KEY (queue, user_id);
ALTER TABLE ONLY generation.queues
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (queue);
ALTER TABLE ONLY generation.ledger_entries
    ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (transfer_id, line);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_once_per_grant UNIQUE (user_id, grant_id);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, round, kind);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.prices
    ADD CONSTRAINT prices_model_quality_size_key UNIQUE (model, quality, size);
ALTER TABLE ONLY generation.prices
    ADD CONSTRAINT prices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.promotions
    ADD CONSTRAINT promotions_pkey PRIMARY KEY (code);
ALTER TABLE ONLY generation.provider_health
    ADD CONSTRAINT provider_health_pkey PRIMARY KEY (provider);
ALTER TABLE ONLY generation.set_aside_jobs
    ADD CONSTRAINT set_aside_jobs_pkey PRIMARY KEY (job_id, duty);
ALTER TABLE ONLY generation.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (user_id, route, key);
ALTER TABLE ONLY generation.worker_presence
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
CREATE INDEX actions_of_job ON generation.actions USING btree (job_id, id) WHERE (job_id IS NOT NULL);
CREATE INDEX actions_of_user ON generation.actions USING btree (user_id, id DESC);
CREATE INDEX budget_reservations_of_periods ON generation.budget_reservations USING btree (period_start) WHERE (period_start > '1970-01-01'::date);
CREATE INDEX inbox_received_at ON generation.inbox USING btree (received_at);
CREATE INDEX job_events_of_user ON generation.job_events USING btree (user_id, xid, job_id, sequence);
CREATE INDEX job_stats_day ON generation.job_statistics USING btree (day);
CREATE INDEX jobs_archive_failed ON generation.archived_jobs USING btree (ended_at DESC, id) WHERE (status = 'failed'::text);
CREATE INDEX jobs_archive_of_user ON generation.archived_jobs USING btree (user_id, id DESC);
CREATE INDEX jobs_cancelled ON generation.live_jobs USING btree (ended_at) WHERE (status = 'cancelled'::text);
CREATE INDEX jobs_capped ON generation.live_jobs USING btree (user_id, priority, virtual_start, id) WHERE ((status = 'queued'::text) AND (hold_reason = 'capped'::text));
CREATE INDEX jobs_deadline ON generation.live_jobs USING btree (deadline_at) WHERE (status = ANY (ARRAY['queued'::text, 'processing'::text]));
CREATE INDEX jobs_failed ON generation.live_jobs USING btree (ended_at DESC, id) WHERE (status = 'failed'::text);
CREATE INDEX jobs_latest ON generation.live_jobs USING btree (queue, ended_at DESC) WHERE (status = 'completed'::text);
CREATE INDEX jobs_of_user ON generation.live_jobs USING btree (user_id, id DESC);
CREATE INDEX jobs_processing ON generation.live_jobs USING btree (queue) WHERE (status = 'processing'::text);
CREATE INDEX jobs_queue ON generation.live_jobs USING btree (queue, hold_reason, priority, virtual_start, id) WHERE (status = 'queued'::text);
CREATE INDEX jobs_scheduled ON generation.live_jobs USING btree (scheduled_at) WHERE ((status = 'queued'::text) AND (hold_reason = 'scheduled'::text));
CREATE INDEX ledger_transfers_of_providers ON generation.ledger_transfers USING btree (created_at) INCLUDE (job_id, round) WHERE (kind = 'provider_cost'::text);
CREATE INDEX ledger_transfers_of_user ON generation.ledger_transfers USING btree (user_id, id DESC);
CREATE INDEX set_aside_jobs_last_at ON generation.set_aside_jobs USING btree (last_at);
CREATE INDEX submissions_created_at ON generation.submissions USING btree (created_at);
CREATE TRIGGER ledger_entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON generation.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION generation.refuse_ledger_change();
CREATE TRIGGER ledger_entries_balanced AFTER INSERT ON generation.ledger_entries REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION generation.require_balanced_transfers();
CREATE TRIGGER ledger_transfers_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON generation.ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION generation.refuse_ledger_change();
ALTER TABLE ONLY generation.accounts
    ADD CONSTRAINT credit_accounts_plan_fkey FOREIGN KEY (plan) REFERENCES generation.plans(id);
ALTER TABLE ONLY generation.models
    ADD CONSTRAINT models_lane_fkey FOREIGN KEY (queue) REFERENCES generation.queues(queue);
ALTER TABLE ONLY generation.prices
    ADD CONSTRAINT prices_model_fkey FOREIGN KEY (model) REFERENCES generation.models(id);
GRANT USAGE ON SCHEMA generation TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.accounts TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.actions TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.archived_jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.live_jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.jobs_archive TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.all_jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.attempts TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.budget_reservations TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.budgets TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.credit_accounts TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.inbox TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.job_events TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.job_statistics TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.job_stats TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.job_steps TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.queue_shares TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.lane_shares TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.queues TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.lanes TO generation;
GRANT SELECT,INSERT ON TABLE generation.ledger_entries TO generation;
GRANT SELECT,INSERT ON TABLE generation.ledger_transfers TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.models TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.outbox TO generation;
GRANT SELECT,USAGE ON SEQUENCE generation.outbox_id_seq TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.plans TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.prices TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.promotions TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.provider_health TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.set_aside_jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.stored_jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.submissions TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.worker_presence TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.workers TO generation;
ALTER DEFAULT PRIVILEGES FOR ROLE generation_owner IN SCHEMA generation GRANT SELECT,USAGE ON SEQUENCES TO generation;
ALTER DEFAULT PRIVILEGES FOR ROLE generation_owner IN SCHEMA generation GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO generation;
