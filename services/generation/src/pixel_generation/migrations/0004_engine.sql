SET LOCAL lock_timeout = '2s';

-- What a user may do at once. Prices, plans and limits are rows, never code.
CREATE TABLE plans (
    id text PRIMARY KEY,
    weight double precision NOT NULL CHECK (weight > 0),
    max_running integer CHECK (max_running > 0),
    max_running_in_all integer CHECK (max_running_in_all > 0),
    max_open_jobs integer NOT NULL CHECK (max_open_jobs > 0),
    top_priority smallint NOT NULL CHECK (top_priority BETWEEN 0 AND 2),
    daily_credits bigint CHECK (daily_credits >= 0)
);
COMMENT ON COLUMN plans.weight IS 'Share of a lane against other users: 2 gets twice the pictures of 1.';
COMMENT ON COLUMN plans.max_running IS 'Jobs of one user that may run at once, over all lanes; null means no limit.';
COMMENT ON COLUMN plans.max_running_in_all IS 'Jobs of all users of the plan that may run at once in a lane; null means no limit.';
COMMENT ON COLUMN plans.max_open_jobs IS 'Jobs of one user that have not ended; more are refused.';
COMMENT ON COLUMN plans.daily_credits IS 'Credits a user may hold or spend in a UTC day unless the account says otherwise; null means no limit.';

INSERT INTO plans (id, weight, max_running, max_running_in_all, max_open_jobs, top_priority, daily_credits) VALUES
    ('free', 1, 10, NULL, 10000, 1, NULL),
    ('pro', 4, 20, NULL, 20000, 0, NULL),
    ('studio', 1, NULL, NULL, 100000, 0, NULL);

ALTER TABLE credit_accounts
    ADD COLUMN plan text NOT NULL DEFAULT 'free' REFERENCES plans (id),
    ADD COLUMN max_running integer CHECK (max_running > 0),
    ADD COLUMN daily_limit bigint CHECK (daily_limit >= 0),
    ADD COLUMN spent_today bigint NOT NULL DEFAULT 0 CHECK (spent_today >= 0),
    ADD COLUMN spent_on date NOT NULL DEFAULT '1970-01-01',
    ADD COLUMN open_jobs integer NOT NULL DEFAULT 0 CHECK (open_jobs >= 0),
    ADD COLUMN places_taken integer NOT NULL DEFAULT 0 CHECK (places_taken >= 0);
COMMENT ON COLUMN credit_accounts.max_running IS 'Overrides the plan; null means as the plan says.';
COMMENT ON COLUMN credit_accounts.daily_limit IS 'Overrides the plan; null means as the plan says.';
COMMENT ON COLUMN credit_accounts.spent_today IS 'Credits held or captured on the UTC day spent_on; what is released on that day is taken off again.';
COMMENT ON COLUMN credit_accounts.open_jobs IS 'Jobs of the user that have not ended.';
COMMENT ON COLUMN credit_accounts.places_taken IS 'Jobs of the user that run or wait with an open gate; at most max_running.';

ALTER TABLE lanes
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'draining')),
    ADD COLUMN max_running integer CHECK (max_running > 0),
    ADD COLUMN max_queued integer NOT NULL DEFAULT 200000 CHECK (max_queued > 0),
    ADD COLUMN provider text NOT NULL DEFAULT '';
COMMENT ON COLUMN lanes.state IS 'open; paused: accepts and does not start; draining: starts and does not accept.';
COMMENT ON COLUMN lanes.max_running IS 'Jobs of the lane that may run at once over all workers, what its provider allows; null means no limit.';
COMMENT ON COLUMN lanes.max_queued IS 'Jobs that may wait in the lane; more are refused with 503.';
UPDATE lanes SET provider = lane;

ALTER TABLE jobs DROP CONSTRAINT jobs_job_type_check;
ALTER TABLE jobs
    ADD CONSTRAINT jobs_job_type_check CHECK (job_type IN ('image', 'edit', 'compose', 'video', 'carousel')),
    ADD COLUMN round integer NOT NULL DEFAULT 1 CHECK (round > 0),
    ADD COLUMN gate text NOT NULL DEFAULT 'open' CHECK (gate IN ('open', 'scheduled', 'capped')),
    ADD COLUMN plan text NOT NULL DEFAULT 'free',
    ADD COLUMN cancel_at timestamptz,
    ADD COLUMN cancel_requested_at timestamptz,
    ADD COLUMN api_key_id uuid,
    ADD COLUMN end_user text NOT NULL DEFAULT '',
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN carousel_id uuid,
    ADD COLUMN price_id text NOT NULL DEFAULT '',
    ADD COLUMN route jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN adjustments jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN start_after timestamptz,
    ADD COLUMN start_before timestamptz;
COMMENT ON COLUMN jobs.round IS 'Counts the submissions of this job: 1, and one more for each retry by its user; money is settled once per round.';
COMMENT ON COLUMN jobs.gate IS 'Why a queued job cannot be claimed: scheduled until its time, capped until its user has a place; open otherwise.';
COMMENT ON COLUMN jobs.cancel_at IS 'The job ends by then, whatever it does (Cancel-After).';
COMMENT ON COLUMN jobs.start_after IS 'The start interval that was quoted at submission, for its measured hit rate.';

-- The claim and the queue position read this one in order; what cannot be claimed stands apart.
DROP INDEX jobs_queue;
CREATE INDEX jobs_queue ON jobs (lane, gate, priority, virtual_start, id) WHERE status = 'queued';
CREATE INDEX jobs_scheduled ON jobs (scheduled_at) WHERE status = 'queued' AND gate = 'scheduled';
CREATE INDEX jobs_capped ON jobs (user_id, priority, virtual_start, id) WHERE status = 'queued' AND gate = 'capped';
CREATE INDEX jobs_failed ON jobs (ended_at DESC, id) WHERE status = 'failed';

ALTER TABLE attempts
    ADD COLUMN round integer NOT NULL DEFAULT 1,
    ADD COLUMN provider text NOT NULL DEFAULT '';

ALTER TABLE job_events
    ADD COLUMN user_id uuid,
    ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ADD COLUMN facts jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN job_events.facts IS 'What else of the row changed; the events of a job, folded in order, give its row.';
-- The user channel reads on from a position below the snapshot horizon, so nothing commits behind its back.
CREATE INDEX job_events_of_user ON job_events (user_id, xid, job_id, sequence);

CREATE TABLE prices (
    id text PRIMARY KEY,
    model text NOT NULL REFERENCES models (id),
    quality text NOT NULL DEFAULT '',
    size text NOT NULL DEFAULT '',
    credits_per_image bigint NOT NULL CHECK (credits_per_image > 0),
    cost_usd_micros bigint CHECK (cost_usd_micros >= 0),
    UNIQUE (model, quality, size)
);
COMMENT ON TABLE prices IS 'What a picture costs; the rule that names most of quality and size wins; a model without a rule is refused.';
COMMENT ON COLUMN prices.cost_usd_micros IS 'What we expect the provider to charge for a picture; null means unknown.';
INSERT INTO prices (id, model, credits_per_image, cost_usd_micros)
SELECT m.id || '/1', m.id, m.credits_per_image, CASE WHEN m.provider = 'sketch' THEN 0 END FROM models AS m;

CREATE TABLE budgets (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('key', 'user', 'provider', 'platform')),
    subject text NOT NULL,
    period text NOT NULL CHECK (period IN ('day', 'month', 'total')),
    unit text NOT NULL CHECK (unit IN ('credits', 'usd_micros')),
    limit_amount bigint NOT NULL CHECK (limit_amount >= 0),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    period_start date NOT NULL DEFAULT '1970-01-01',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scope, subject, period, unit)
) WITH (fillfactor = 50);
COMMENT ON COLUMN budgets.subject IS 'Hex id of the key or user, name of the provider, or empty for the platform.';
COMMENT ON COLUMN budgets.used IS 'Reserved and spent in the period that began at period_start; an older period counts as 0.';
INSERT INTO budgets (id, scope, subject, period, unit, limit_amount)
VALUES ('00000000-0000-7000-8000-000000000001', 'provider', 'gemini', 'month', 'usd_micros', 200000000);

CREATE TABLE budget_reservations (
    job_id uuid NOT NULL,
    round integer NOT NULL,
    budget_id uuid NOT NULL,
    period_start date NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (job_id, round, budget_id)
);

ALTER TABLE ledger_transfers
    ADD COLUMN round integer NOT NULL DEFAULT 1,
    ADD COLUMN actor text NOT NULL DEFAULT '',
    DROP CONSTRAINT ledger_transfers_kind_check,
    DROP CONSTRAINT ledger_transfers_have_a_cause,
    DROP CONSTRAINT ledger_transfers_once_per_job,
    ADD CONSTRAINT ledger_transfers_kind_check
        CHECK (kind IN ('grant', 'promotion', 'adjustment', 'hold', 'capture', 'release', 'refund', 'provider_cost')),
    ADD CONSTRAINT ledger_transfers_have_a_cause
        CHECK ((kind IN ('grant', 'promotion', 'adjustment')) = (grant_id IS NOT NULL AND job_id IS NULL)),
    ADD CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, round, kind);
CREATE INDEX ledger_transfers_of_user ON ledger_transfers (user_id, id DESC);
COMMENT ON COLUMN ledger_transfers.grant_id IS 'Names what is given once: a grant, a promotion code, an adjustment.';
COMMENT ON COLUMN ledger_transfers.actor IS 'Who made an adjustment or refund; empty for the system.';

-- Credits and the money of providers are two units; a transfer sums to 0 in each.
ALTER TABLE ledger_entries
    ALTER COLUMN credits SET DEFAULT 0,
    DROP CONSTRAINT ledger_entries_credits_check,
    ADD COLUMN usd_micros bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ledger_entries_one_unit CHECK ((credits <> 0) <> (usd_micros <> 0)),
    ADD CONSTRAINT ledger_entries_users_have_credits CHECK (user_id IS NULL OR usd_micros = 0);
CREATE OR REPLACE FUNCTION require_balanced_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TABLE promotions (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z0-9-]{3,40}$'),
    credits bigint NOT NULL CHECK (credits > 0),
    max_uses integer CHECK (max_uses > 0),
    used integer NOT NULL DEFAULT 0 CHECK (max_uses IS NULL OR used <= max_uses),
    ends_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE provider_health (
    provider text PRIMARY KEY,
    state text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE provider_health IS 'Breakers of the workers: open after repeated failures, half open for one probe.';

CREATE TABLE actions (
    id uuid PRIMARY KEY,
    actor text NOT NULL,
    action text NOT NULL,
    user_id uuid,
    job_id uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE actions IS 'What people did: cancel, retry, redrive, pause, adjust; what jobs did is in job_events.';
CREATE INDEX actions_of_user ON actions (user_id, id DESC);
CREATE INDEX actions_of_job ON actions (job_id, id) WHERE job_id IS NOT NULL;

CREATE TABLE job_stats (
    user_id uuid NOT NULL,
    day date NOT NULL,
    model text NOT NULL,
    job_type text NOT NULL,
    status text NOT NULL,
    jobs bigint NOT NULL,
    images bigint NOT NULL,
    run_seconds double precision NOT NULL,
    credits bigint NOT NULL,
    PRIMARY KEY (user_id, day, model, job_type, status)
) WITH (fillfactor = 50);
COMMENT ON TABLE job_stats IS 'Ended jobs summed by user and UTC day, written with the end of each job, so that statistics never read the jobs.';
CREATE INDEX job_stats_day ON job_stats (day);
