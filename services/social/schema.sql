-- Written by `make schema` from the migrations; never edited.
CREATE SCHEMA social;
ALTER SCHEMA social OWNER TO social_owner;
CREATE TABLE social.images (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    set_id uuid NOT NULL,
    generation_id uuid NOT NULL,
    index integer NOT NULL,
    prompt text NOT NULL,
    model text NOT NULL,
    style text DEFAULT ''::text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    seed bigint,
    private boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    like_count bigint DEFAULT 0 NOT NULL,
    comment_count bigint DEFAULT 0 NOT NULL,
    view_count bigint DEFAULT 0 NOT NULL,
    hot double precision NOT NULL,
    parent_image_id uuid,
    conversation_id uuid,
    editing_instructions text,
    synth_id_watermark boolean DEFAULT false NOT NULL,
    has_video boolean DEFAULT false NOT NULL,
    video_processing_status text,
    CONSTRAINT images_comment_count_check CHECK ((comment_count >= 0)),
    CONSTRAINT images_height_check CHECK ((height > 0)),
    CONSTRAINT images_index_check CHECK ((index >= 0)),
    CONSTRAINT images_like_count_check CHECK ((like_count >= 0)),
    CONSTRAINT images_view_count_check CHECK ((view_count >= 0)),
    CONSTRAINT images_width_check CHECK ((width > 0))
);
ALTER TABLE social.images OWNER TO social_owner;
CREATE TABLE social.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE social.inbox OWNER TO social_owner;
CREATE TABLE social.notifications (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    group_key text DEFAULT ''::text NOT NULL,
    count integer DEFAULT 1 NOT NULL,
    reasons jsonb DEFAULT '{}'::jsonb NOT NULL,
    resource_id uuid NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    CONSTRAINT notifications_check CHECK ((last_at >= first_at)),
    CONSTRAINT notifications_count_check CHECK ((count > 0)),
    CONSTRAINT notifications_kind_check CHECK ((kind = 'generation_failed'::text))
)
WITH (fillfactor='80');
ALTER TABLE social.notifications OWNER TO social_owner;
COMMENT ON COLUMN social.notifications.group_key IS 'What of a kind belongs together; empty means all of it does.';
COMMENT ON COLUMN social.notifications.reasons IS 'How often it happened for each reason.';
COMMENT ON COLUMN social.notifications.resource_id IS 'What it happened to last.';
CREATE TABLE social.outbox (
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
ALTER TABLE social.outbox OWNER TO social_owner;
ALTER TABLE social.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME social.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE social.sets (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE social.sets OWNER TO social_owner;
ALTER TABLE ONLY social.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (id);
ALTER TABLE ONLY social.images
    ADD CONSTRAINT images_set_id_index_key UNIQUE (set_id, index);
ALTER TABLE ONLY social.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);
ALTER TABLE ONLY social.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (id);
ALTER TABLE ONLY social.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY social.sets
    ADD CONSTRAINT sets_generation_id_key UNIQUE (generation_id);
ALTER TABLE ONLY social.sets
    ADD CONSTRAINT sets_pkey PRIMARY KEY (id);
CREATE INDEX images_by_user ON social.images USING btree (user_id, created_at DESC, id DESC);
CREATE INDEX images_model_popular ON social.images USING btree (model, like_count DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_model_recent ON social.images USING btree (model, created_at DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_model_style_popular ON social.images USING btree (model, style, like_count DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_model_style_recent ON social.images USING btree (model, style, created_at DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_model_style_trending ON social.images USING btree (model, style, hot DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_model_trending ON social.images USING btree (model, hot DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_popular ON social.images USING btree (like_count DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_recent ON social.images USING btree (created_at DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_style_popular ON social.images USING btree (style, like_count DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_style_recent ON social.images USING btree (style, created_at DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_style_trending ON social.images USING btree (style, hot DESC, id DESC) WHERE (NOT private);
CREATE INDEX images_trending ON social.images USING btree (hot DESC, id DESC) WHERE (NOT private);
CREATE INDEX inbox_received_at ON social.inbox USING btree (received_at);
CREATE INDEX notifications_of_user ON social.notifications USING btree (user_id, last_at DESC, id DESC);
CREATE UNIQUE INDEX notifications_unread ON social.notifications USING btree (user_id, kind, group_key) WHERE (read_at IS NULL);
CREATE INDEX sets_by_user ON social.sets USING btree (user_id, created_at DESC, id DESC);
ALTER TABLE ONLY social.images
    ADD CONSTRAINT images_set_id_fkey FOREIGN KEY (set_id) REFERENCES social.sets(id) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA social TO social;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.images TO social;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.inbox TO social;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.notifications TO social;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.outbox TO social;
GRANT SELECT,USAGE ON SEQUENCE social.outbox_id_seq TO social;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.sets TO social;
ALTER DEFAULT PRIVILEGES FOR ROLE social_owner IN SCHEMA social GRANT SELECT,USAGE ON SEQUENCES TO social;
ALTER DEFAULT PRIVILEGES FOR ROLE social_owner IN SCHEMA social GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO social;
