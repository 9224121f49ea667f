SET LOCAL lock_timeout = '2s';

-- One row per partition of a topic. A publisher holds the row until it commits, so offsets have no gaps and become
-- visible in order.
CREATE TABLE partitions (
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE records (
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    value bytea NOT NULL,
    event_id text NOT NULL,
    source text NOT NULL,
    event_time timestamptz NOT NULL,
    headers jsonb NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, record_offset)
);

-- The committed position of each group: every record below next_offset is processed.
CREATE TABLE group_offsets (
    group_name text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    committed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);
