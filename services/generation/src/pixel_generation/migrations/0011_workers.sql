SET LOCAL lock_timeout = '2s';

-- Who works now. Nothing of it outlives a crash that a heartbeat does not bring back, so it is not logged.
CREATE UNLOGGED TABLE workers (
    id text PRIMARY KEY,
    lanes text[] NOT NULL,
    slots integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE workers IS 'Worker processes by their last sign of life; for operators, nothing is decided by it.';
