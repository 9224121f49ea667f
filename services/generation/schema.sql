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
    SELECT a.transfer_id INTO wrong FROM added AS a GROUP BY a.transfer_id HAVING sum(a.credits) <> 0 LIMIT 1;
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
    CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['sent'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'submitting'::text, 'succeeded'::text, 'failed'::text, 'unknown'::text, 'abandoned'::text])))
)
WITH (fillfactor='80');
ALTER TABLE generation.attempts OWNER TO generation_owner;
COMMENT ON COLUMN generation.attempts.cost_usd_micros IS 'What the provider charges, in millionths of a US dollar; null means unknown.';
CREATE TABLE generation.credit_accounts (
    user_id uuid NOT NULL,
    available bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_accounts_held_check CHECK ((held >= 0)),
    CONSTRAINT credit_accounts_never_overdrawn CHECK ((available >= 0))
)
WITH (fillfactor='50');
ALTER TABLE generation.credit_accounts OWNER TO generation_owner;
COMMENT ON TABLE generation.credit_accounts IS 'Running balances of users. Platform accounts have none: one row that every job changes would be a bottleneck.';
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
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE generation.job_events OWNER TO generation_owner;
CREATE TABLE generation.jobs (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    set_id uuid NOT NULL,
    job_type text DEFAULT 'image'::text NOT NULL,
    lane text NOT NULL,
    spec jsonb NOT NULL,
    image_count smallint NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    stage text DEFAULT 'waiting'::text NOT NULL,
    progress smallint DEFAULT 0 NOT NULL,
    sequence bigint DEFAULT 1 NOT NULL,
    priority smallint NOT NULL,
    virtual_start double precision NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    max_retries integer NOT NULL,
    worker text DEFAULT ''::text NOT NULL,
    lease_until timestamp with time zone,
    scheduled_at timestamp with time zone NOT NULL,
    deadline_at timestamp with time zone NOT NULL,
    cost_credits bigint NOT NULL,
    captured_credits bigint,
    images jsonb DEFAULT '[]'::jsonb NOT NULL,
    failure jsonb,
    trace jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT jobs_check CHECK (((captured_credits >= 0) AND (captured_credits <= cost_credits))),
    CONSTRAINT jobs_cost_credits_check CHECK ((cost_credits > 0)),
    CONSTRAINT jobs_failure_says_why CHECK (((status = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT jobs_image_count_check CHECK (((image_count >= 1) AND (image_count <= 10))),
    CONSTRAINT jobs_job_type_check CHECK ((job_type = ANY (ARRAY['image'::text, 'video'::text, 'carousel'::text, 'edit'::text]))),
    CONSTRAINT jobs_lease_while_processing CHECK (((status = 'processing'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT jobs_settled_at_the_end CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = ((ended_at IS NOT NULL) AND (captured_credits IS NOT NULL)))),
    CONSTRAINT jobs_stage_check CHECK ((stage = ANY (ARRAY['waiting'::text, 'routing'::text, 'starting'::text, 'generating'::text, 'uploading'::text, 'reconciling'::text, 'cancelling'::text, 'done'::text]))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_insert_scale_factor='0.05');
ALTER TABLE generation.jobs OWNER TO generation_owner;
COMMENT ON COLUMN generation.jobs.priority IS 'Smaller runs earlier: 0 high, 1 normal, 2 low.';
COMMENT ON COLUMN generation.jobs.virtual_start IS 'Start tag of start-time fair queueing, in pictures of one user in this lane.';
COMMENT ON COLUMN generation.jobs.attempt IS 'Fencing number: runs started so far; never goes back.';
CREATE TABLE generation.lane_shares (
    lane text NOT NULL,
    user_id uuid NOT NULL,
    virtual_finish double precision NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE generation.lane_shares OWNER TO generation_owner;
CREATE TABLE generation.lanes (
    lane text NOT NULL,
    virtual_time double precision DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE generation.lanes OWNER TO generation_owner;
COMMENT ON COLUMN generation.lanes.virtual_time IS 'Start tag of the job claimed last; a user who comes now starts from here.';
CREATE TABLE generation.ledger_entries (
    transfer_id uuid NOT NULL,
    line smallint NOT NULL,
    account text NOT NULL,
    user_id uuid,
    credits bigint NOT NULL,
    CONSTRAINT ledger_entries_account_check CHECK ((account = ANY (ARRAY['user_available'::text, 'user_held'::text, 'platform_revenue'::text, 'provider_cost'::text, 'promotions'::text, 'payments'::text]))),
    CONSTRAINT ledger_entries_credits_check CHECK ((credits <> 0)),
    CONSTRAINT ledger_entries_name_their_user CHECK (((account = ANY (ARRAY['user_available'::text, 'user_held'::text])) = (user_id IS NOT NULL)))
);
ALTER TABLE generation.ledger_entries OWNER TO generation_owner;
CREATE TABLE generation.ledger_transfers (
    id uuid NOT NULL,
    kind text NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid,
    grant_id text,
    memo text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ledger_transfers_have_a_cause CHECK (((kind = 'grant'::text) = ((grant_id IS NOT NULL) AND (job_id IS NULL)))),
    CONSTRAINT ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['grant'::text, 'hold'::text, 'capture'::text, 'release'::text])))
);
ALTER TABLE generation.ledger_transfers OWNER TO generation_owner;
CREATE TABLE generation.models (
    id text NOT NULL,
    "position" smallint NOT NULL,
    provider text NOT NULL,
    provider_model text NOT NULL,
    aliases text[] DEFAULT '{}'::text[] NOT NULL,
    display_name text NOT NULL,
    lane text NOT NULL,
    credits_per_image bigint NOT NULL,
    ratios json NOT NULL,
    extra_sizes text[] DEFAULT '{}'::text[] NOT NULL,
    styles text[] DEFAULT '{}'::text[] NOT NULL,
    qualities text[] DEFAULT '{}'::text[] NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    max_images smallint DEFAULT 10 NOT NULL,
    typical_seconds double precision NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    CONSTRAINT models_credits_per_image_check CHECK ((credits_per_image > 0)),
    CONSTRAINT models_max_images_check CHECK (((max_images >= 1) AND (max_images <= 10))),
    CONSTRAINT models_typical_seconds_check CHECK ((typical_seconds > (0)::double precision))
);
ALTER TABLE generation.models OWNER TO generation_owner;
COMMENT ON COLUMN generation.models.ratios IS 'Aspect ratio to size, such as {"16:9": "1344x768"}; json and not jsonb, because the order is the catalogue''s.';
COMMENT ON COLUMN generation.models.styles IS 'Accepted presets; empty means any word.';
COMMENT ON COLUMN generation.models.parameters IS 'Provider options by name, each with the words it accepts.';
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
);
ALTER TABLE generation.outbox OWNER TO generation_owner;
ALTER TABLE generation.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME generation.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE generation.submissions (
    user_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE generation.submissions OWNER TO generation_owner;
COMMENT ON TABLE generation.submissions IS 'Idempotency keys and the jobs they made; kept for 72 hours.';
ALTER TABLE ONLY generation.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (job_id, attempt);
ALTER TABLE ONLY generation.credit_accounts
    ADD CONSTRAINT credit_accounts_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY generation.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);
ALTER TABLE ONLY generation.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (job_id, sequence);
ALTER TABLE ONLY generation.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.lane_shares
    ADD CONSTRAINT lane_shares_pkey PRIMARY KEY (lane, user_id);
ALTER TABLE ONLY generation.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (lane);
ALTER TABLE ONLY generation.ledger_entries
    ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (transfer_id, line);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_once_per_grant UNIQUE (user_id, grant_id);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, kind);
ALTER TABLE ONLY generation.ledger_transfers
    ADD CONSTRAINT ledger_transfers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY generation.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (user_id, route, key);
CREATE INDEX inbox_received_at ON generation.inbox USING btree (received_at);
CREATE INDEX jobs_deadline ON generation.jobs USING btree (deadline_at) WHERE (status = ANY (ARRAY['queued'::text, 'processing'::text]));
CREATE INDEX jobs_latest ON generation.jobs USING btree (lane, ended_at DESC) WHERE (status = 'completed'::text);
CREATE INDEX jobs_of_user ON generation.jobs USING btree (user_id, id DESC);
CREATE INDEX jobs_processing ON generation.jobs USING btree (lane) WHERE (status = 'processing'::text);
CREATE INDEX jobs_queue ON generation.jobs USING btree (lane, priority, virtual_start, id) WHERE (status = 'queued'::text);
CREATE INDEX submissions_created_at ON generation.submissions USING btree (created_at);
CREATE TRIGGER ledger_entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON generation.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION generation.refuse_ledger_change();
CREATE TRIGGER ledger_entries_balanced AFTER INSERT ON generation.ledger_entries REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION generation.require_balanced_transfers();
CREATE TRIGGER ledger_transfers_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON generation.ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION generation.refuse_ledger_change();
ALTER TABLE ONLY generation.models
    ADD CONSTRAINT models_lane_fkey FOREIGN KEY (lane) REFERENCES generation.lanes(lane);
GRANT USAGE ON SCHEMA generation TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.attempts TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.credit_accounts TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.inbox TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.job_events TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.jobs TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.lane_shares TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.lanes TO generation;
GRANT SELECT,INSERT ON TABLE generation.ledger_entries TO generation;
GRANT SELECT,INSERT ON TABLE generation.ledger_transfers TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.models TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.outbox TO generation;
GRANT SELECT,USAGE ON SEQUENCE generation.outbox_id_seq TO generation;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE generation.submissions TO generation;
ALTER DEFAULT PRIVILEGES FOR ROLE generation_owner IN SCHEMA generation GRANT SELECT,USAGE ON SEQUENCES TO generation;
ALTER DEFAULT PRIVILEGES FOR ROLE generation_owner IN SCHEMA generation GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO generation;
