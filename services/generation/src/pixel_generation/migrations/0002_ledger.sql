SET LOCAL lock_timeout = '2s';

CREATE TABLE credit_accounts (
    user_id uuid PRIMARY KEY,
    available bigint NOT NULL DEFAULT 0 CONSTRAINT credit_accounts_never_overdrawn CHECK (available >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE credit_accounts IS
    'Running balances of users. Platform accounts have none: one row that every job changes would be a bottleneck.';

CREATE TABLE ledger_transfers (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('grant', 'hold', 'capture', 'release')),
    user_id uuid NOT NULL,
    job_id uuid,
    grant_id text,
    memo text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledger_transfers_have_a_cause CHECK ((kind = 'grant') = (grant_id IS NOT NULL AND job_id IS NULL)),
    CONSTRAINT ledger_transfers_once_per_job UNIQUE (job_id, kind),
    CONSTRAINT ledger_transfers_once_per_grant UNIQUE (user_id, grant_id)
);

CREATE TABLE ledger_entries (
    transfer_id uuid NOT NULL,
    line smallint NOT NULL,
    account text NOT NULL CHECK (account IN (
        'user_available', 'user_held', 'platform_revenue', 'provider_cost', 'promotions', 'payments')),
    user_id uuid,
    credits bigint NOT NULL CHECK (credits <> 0),
    PRIMARY KEY (transfer_id, line),
    CONSTRAINT ledger_entries_name_their_user CHECK ((account IN ('user_available', 'user_held')) = (user_id IS NOT NULL))
);

-- Append-only twice over: the service role lacks the right, and the trigger refuses everybody else.
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_transfers, ledger_entries FROM generation;

CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: correct it with a new transfer' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Checked per statement, not at commit: all entries of a transfer come in one statement, sum to 0 and belong to a transfer
-- that exists. That is set-based (one pass for a batch of 256 holds, where a foreign key would look up row by row) and
-- stricter than a deferred constraint. Transfers are never deleted, so nothing else can break the reference.
CREATE FUNCTION require_balanced_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER ledger_entries_balanced AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION require_balanced_transfers();
