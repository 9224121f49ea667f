-- Written by `make schema` from the migrations; never edited.
CREATE SCHEMA media;
ALTER SCHEMA media OWNER TO media_owner;
CREATE TABLE media.assets (
    id uuid NOT NULL,
    state text NOT NULL,
    user_id uuid,
    sha256 text,
    size_bytes bigint,
    type text DEFAULT 'image'::text NOT NULL,
    generation_id uuid,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    stored_at timestamp with time zone,
    CONSTRAINT assets_check CHECK (((state = 'given_up'::text) OR ((user_id IS NOT NULL) AND (sha256 IS NOT NULL) AND (size_bytes > 0)))),
    CONSTRAINT assets_check1 CHECK (((state = 'stored'::text) = (stored_at IS NOT NULL))),
    CONSTRAINT assets_state_check CHECK ((state = ANY (ARRAY['receiving'::text, 'stored'::text, 'given_up'::text]))),
    CONSTRAINT assets_type_check CHECK ((type = ANY (ARRAY['image'::text, 'video'::text])))
);
ALTER TABLE media.assets OWNER TO media_owner;
CREATE TABLE media.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE media.inbox OWNER TO media_owner;
CREATE TABLE media.outbox (
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
ALTER TABLE media.outbox OWNER TO media_owner;
ALTER TABLE media.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME media.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE media.renditions (
    asset_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT renditions_height_check CHECK ((height > 0)),
    CONSTRAINT renditions_kind_check CHECK ((kind = ANY (ARRAY['original'::text, 'thumbnail'::text, 'preview'::text]))),
    CONSTRAINT renditions_size_bytes_check CHECK ((size_bytes > 0)),
    CONSTRAINT renditions_width_check CHECK ((width > 0))
);
ALTER TABLE media.renditions OWNER TO media_owner;
ALTER TABLE ONLY media.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY media.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);
ALTER TABLE ONLY media.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY media.renditions
    ADD CONSTRAINT renditions_key_key UNIQUE (key);
ALTER TABLE ONLY media.renditions
    ADD CONSTRAINT renditions_pkey PRIMARY KEY (asset_id, kind);
CREATE INDEX assets_unfinished ON media.assets USING btree (begun_at) WHERE (state <> 'stored'::text);
CREATE INDEX inbox_received_at ON media.inbox USING btree (received_at);
ALTER TABLE ONLY media.renditions
    ADD CONSTRAINT renditions_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES media.assets(id) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA media TO media;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE media.assets TO media;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE media.inbox TO media;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE media.outbox TO media;
GRANT SELECT,USAGE ON SEQUENCE media.outbox_id_seq TO media;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE media.renditions TO media;
ALTER DEFAULT PRIVILEGES FOR ROLE media_owner IN SCHEMA media GRANT SELECT,USAGE ON SEQUENCES TO media;
ALTER DEFAULT PRIVILEGES FOR ROLE media_owner IN SCHEMA media GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO media;
