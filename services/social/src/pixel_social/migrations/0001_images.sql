-- Sets, their images, and the outbox and inbox of this service.
SET LOCAL lock_timeout = '2s';

CREATE TABLE sets (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    generation_id uuid NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE INDEX sets_by_user ON sets (user_id, created_at DESC, id DESC);

-- An image's id is the id of its asset in the media service.
CREATE TABLE images (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    set_id uuid NOT NULL REFERENCES sets (id) ON DELETE CASCADE,
    generation_id uuid NOT NULL,
    index integer NOT NULL CHECK (index >= 0),
    prompt text NOT NULL,
    model text NOT NULL,
    style text NOT NULL DEFAULT '',
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    seed bigint,
    private boolean NOT NULL,
    created_at timestamptz NOT NULL,
    like_count bigint NOT NULL DEFAULT 0 CHECK (like_count >= 0),
    comment_count bigint NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
    view_count bigint NOT NULL DEFAULT 0 CHECK (view_count >= 0),
    -- log10(interest) + epoch / 45000; changes when the interest does, never with the clock.
    hot double precision NOT NULL,
    parent_image_id uuid,
    conversation_id uuid,
    editing_instructions text,
    synth_id_watermark boolean NOT NULL DEFAULT false,
    has_video boolean NOT NULL DEFAULT false,
    video_processing_status text,
    UNIQUE (set_id, index)
);

-- One index for each order of the public feed, alone and under each filter; all are read forwards by keyset.
CREATE INDEX images_recent ON images (created_at DESC, id DESC) WHERE NOT private;
CREATE INDEX images_popular ON images (like_count DESC, id DESC) WHERE NOT private;
CREATE INDEX images_trending ON images (hot DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_recent ON images (model, created_at DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_popular ON images (model, like_count DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_trending ON images (model, hot DESC, id DESC) WHERE NOT private;
CREATE INDEX images_style_recent ON images (style, created_at DESC, id DESC) WHERE NOT private;
CREATE INDEX images_style_popular ON images (style, like_count DESC, id DESC) WHERE NOT private;
CREATE INDEX images_style_trending ON images (style, hot DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_style_recent ON images (model, style, created_at DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_style_popular ON images (model, style, like_count DESC, id DESC) WHERE NOT private;
CREATE INDEX images_model_style_trending ON images (model, style, hot DESC, id DESC) WHERE NOT private;
CREATE INDEX images_by_user ON images (user_id, created_at DESC, id DESC);

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
