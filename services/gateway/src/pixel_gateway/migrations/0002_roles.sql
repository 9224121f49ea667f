SET LOCAL lock_timeout = '2s';

ALTER TABLE accounts ADD COLUMN role text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'moderator', 'admin'));

CREATE TABLE bulk_calls (
    account_id uuid PRIMARY KEY REFERENCES accounts (id),
    day date NOT NULL,
    calls integer NOT NULL CHECK (calls > 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE bulk_calls IS 'Bulk calls of each account on the UTC day of its last one.';
