-- Written by `make schema` from the migrations; never edited.
CREATE SCHEMA gateway;
ALTER SCHEMA gateway OWNER TO gateway_owner;
CREATE TABLE gateway.accounts (
    id uuid NOT NULL,
    username text NOT NULL,
    first_credits bigint DEFAULT 0 NOT NULL,
    first_credits_given_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    CONSTRAINT accounts_first_credits_check CHECK ((first_credits >= 0)),
    CONSTRAINT accounts_role_check CHECK ((role = ANY (ARRAY['member'::text, 'moderator'::text, 'admin'::text]))),
    CONSTRAINT accounts_username_check CHECK ((username ~ '^[a-z0-9_-]{3,32}$'::text))
);
ALTER TABLE gateway.accounts OWNER TO gateway_owner;
CREATE TABLE gateway.api_keys (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_keys_secret_sha256_check CHECK ((length(secret_sha256) = 32))
);
ALTER TABLE gateway.api_keys OWNER TO gateway_owner;
CREATE TABLE gateway.bulk_calls (
    account_id uuid NOT NULL,
    day date NOT NULL,
    calls integer NOT NULL,
    CONSTRAINT bulk_calls_calls_check CHECK ((calls > 0))
)
WITH (fillfactor='50');
ALTER TABLE gateway.bulk_calls OWNER TO gateway_owner;
COMMENT ON TABLE gateway.bulk_calls IS 'Bulk calls of each account on the UTC day of its last one.';
CREATE TABLE gateway.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE gateway.inbox OWNER TO gateway_owner;
CREATE TABLE gateway.outbox (
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
ALTER TABLE gateway.outbox OWNER TO gateway_owner;
ALTER TABLE gateway.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gateway.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE UNLOGGED TABLE gateway.tickets (
    secret_sha256 bytea NOT NULL,
    account_id uuid NOT NULL,
    generation_id uuid,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT tickets_secret_sha256_check CHECK ((length(secret_sha256) = 32))
);
ALTER TABLE gateway.tickets OWNER TO gateway_owner;
COMMENT ON COLUMN gateway.tickets.generation_id IS 'The only generation whose streams it opens; null means any stream of the account.';
ALTER TABLE ONLY gateway.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY gateway.accounts
    ADD CONSTRAINT accounts_username_key UNIQUE (username);
ALTER TABLE ONLY gateway.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY gateway.api_keys
    ADD CONSTRAINT api_keys_secret_sha256_key UNIQUE (secret_sha256);
ALTER TABLE ONLY gateway.bulk_calls
    ADD CONSTRAINT bulk_calls_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY gateway.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);
ALTER TABLE ONLY gateway.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY gateway.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (secret_sha256);
CREATE INDEX accounts_owed_credits ON gateway.accounts USING btree (created_at) WHERE ((first_credits > 0) AND (first_credits_given_at IS NULL));
CREATE INDEX api_keys_account ON gateway.api_keys USING btree (account_id, created_at DESC);
CREATE INDEX inbox_received_at ON gateway.inbox USING btree (received_at);
CREATE INDEX tickets_expires_at ON gateway.tickets USING btree (expires_at);
ALTER TABLE ONLY gateway.api_keys
    ADD CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES gateway.accounts(id);
ALTER TABLE ONLY gateway.bulk_calls
    ADD CONSTRAINT bulk_calls_account_id_fkey FOREIGN KEY (account_id) REFERENCES gateway.accounts(id);
GRANT USAGE ON SCHEMA gateway TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.accounts TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.api_keys TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.bulk_calls TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.inbox TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.outbox TO gateway;
GRANT SELECT,USAGE ON SEQUENCE gateway.outbox_id_seq TO gateway;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gateway.tickets TO gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE gateway_owner IN SCHEMA gateway GRANT SELECT,USAGE ON SEQUENCES TO gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE gateway_owner IN SCHEMA gateway GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO gateway;
