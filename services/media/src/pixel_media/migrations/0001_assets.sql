-- Assets, their renditions, and the outbox and inbox of this service.
SET LOCAL lock_timeout = '2s';

-- receiving: an upload is in progress, or died; stored: visible; given_up: abandoned, its objects are being deleted.
CREATE TABLE assets (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('receiving', 'stored', 'given_up')),
    user_id uuid,
    sha256 text,
    size_bytes bigint,
    type text NOT NULL DEFAULT 'image' CHECK (type IN ('image', 'video')),
    generation_id uuid,
    tags text[] NOT NULL DEFAULT '{}',
    begun_at timestamptz NOT NULL,
    stored_at timestamptz,
    -- Only an abandoned asset may have no metadata: its objects were found without a row.
    CHECK (state = 'given_up' OR (user_id IS NOT NULL AND sha256 IS NOT NULL AND size_bytes > 0)),
    CHECK ((state = 'stored') = (stored_at IS NOT NULL))
);
CREATE INDEX assets_unfinished ON assets (begun_at) WHERE state <> 'stored';

CREATE TABLE renditions (
    asset_id uuid NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('original', 'thumbnail', 'preview')),
    key text NOT NULL UNIQUE,
    content_type text NOT NULL,
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    sha256 text NOT NULL,
    PRIMARY KEY (asset_id, kind)
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
