SET LOCAL lock_timeout = '2s';

-- Tickets live for a minute: losing them in a crash costs a client one more request.
CREATE UNLOGGED TABLE tickets (
    secret_sha256 bytea PRIMARY KEY CHECK (length(secret_sha256) = 32),
    account_id uuid NOT NULL,
    generation_id uuid,
    expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_expires_at ON tickets (expires_at);
COMMENT ON COLUMN tickets.generation_id IS 'The only generation whose streams it opens; null means any stream of the account.';
