SET LOCAL lock_timeout = '2s';

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL, topic text NOT NULL, key text NOT NULL, type text NOT NULL,
    value bytea NOT NULL, headers jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE inbox (consumer text NOT NULL, event_id uuid NOT NULL, received_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (consumer, event_id));
CREATE INDEX inbox_received_at ON inbox (received_at);

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    set_id uuid NOT NULL,
    job_type text NOT NULL DEFAULT 'image' CHECK (job_type IN ('image', 'video', 'carousel', 'edit')),
    lane text NOT NULL,
    spec jsonb NOT NULL,
    image_count smallint NOT NULL CHECK (image_count BETWEEN 1 AND 10),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    stage text NOT NULL DEFAULT 'waiting'
        CHECK (stage IN ('waiting', 'routing', 'starting', 'generating', 'uploading', 'reconciling', 'cancelling', 'done')),
    progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    sequence bigint NOT NULL DEFAULT 1,
    priority smallint NOT NULL,
    virtual_start double precision NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    retry_count integer NOT NULL DEFAULT 0,
    max_retries integer NOT NULL,
    worker text NOT NULL DEFAULT '',
    lease_until timestamptz,
    scheduled_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    cost_credits bigint NOT NULL CHECK (cost_credits > 0),
    captured_credits bigint CHECK (captured_credits BETWEEN 0 AND cost_credits),
    images jsonb NOT NULL DEFAULT '[]',
    failure jsonb,
    trace jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT jobs_lease_while_processing CHECK ((status = 'processing') = (lease_until IS NOT NULL)),
    CONSTRAINT jobs_settled_at_the_end
        CHECK ((status IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL AND captured_credits IS NOT NULL)),
    CONSTRAINT jobs_failure_says_why CHECK ((status = 'failed') = (failure IS NOT NULL))
) WITH (
    -- Each job is rewritten about seven times in its life: room on the page keeps those updates off the indexes (HOT),
    -- and vacuum comes by count of dead rows, because a fifth of a large history is far too late for a small queue.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05
);
COMMENT ON COLUMN jobs.priority IS 'Smaller runs earlier: 0 high, 1 normal, 2 low.';
COMMENT ON COLUMN jobs.virtual_start IS 'Start tag of start-time fair queueing, in pictures of one user in this lane.';
COMMENT ON COLUMN jobs.attempt IS 'Fencing number: runs started so far; never goes back.';

-- The claim and the queue position read this one in order; nothing else that waits is in it.
CREATE INDEX jobs_queue ON jobs (lane, priority, virtual_start, id) WHERE status = 'queued';
-- The sweep reads what runs; lease_until stays out of it so that heartbeats touch no index.
CREATE INDEX jobs_processing ON jobs (lane) WHERE status = 'processing';
CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE status IN ('queued', 'processing');
-- Run times of the latest jobs of a lane, for estimates.
CREATE INDEX jobs_latest ON jobs (lane, ended_at DESC) WHERE status = 'completed';
CREATE INDEX jobs_of_user ON jobs (user_id, id DESC);

CREATE TABLE attempts (
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    worker text NOT NULL,
    model text NOT NULL,
    state text NOT NULL DEFAULT 'claimed'
        CHECK (state IN ('claimed', 'submitting', 'succeeded', 'failed', 'unknown', 'abandoned')),
    outcome text CHECK (outcome IN ('sent', 'not_sent', 'unknown')),
    provider_request_id text NOT NULL DEFAULT '',
    cost_usd_micros bigint,
    failure_code text NOT NULL DEFAULT '',
    claimed_at timestamptz NOT NULL DEFAULT now(),
    submitted_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (job_id, attempt)
) WITH (fillfactor = 80);
COMMENT ON COLUMN attempts.cost_usd_micros IS 'What the provider charges, in millionths of a US dollar; null means unknown.';

CREATE TABLE job_events (
    job_id uuid NOT NULL,
    sequence bigint NOT NULL,
    status text NOT NULL,
    stage text NOT NULL,
    progress smallint NOT NULL,
    message text NOT NULL,
    failure jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, sequence)
);

CREATE TABLE submissions (
    user_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, route, key)
);
COMMENT ON TABLE submissions IS 'Idempotency keys and the jobs they made; kept for 72 hours.';
CREATE INDEX submissions_created_at ON submissions (created_at);

CREATE TABLE lanes (
    lane text PRIMARY KEY,
    virtual_time double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON COLUMN lanes.virtual_time IS 'Start tag of the job claimed last; a user who comes now starts from here.';

CREATE TABLE lane_shares (
    lane text NOT NULL,
    user_id uuid NOT NULL,
    virtual_finish double precision NOT NULL,
    PRIMARY KEY (lane, user_id)
) WITH (fillfactor = 70);
