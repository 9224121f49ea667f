-- Written by `make schema` from the migrations; never edited.
CREATE SCHEMA bus;
ALTER SCHEMA bus OWNER TO bus_owner;
CREATE TABLE bus.group_offsets (
    group_name text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    committed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT group_offsets_next_offset_check CHECK ((next_offset >= 0))
)
WITH (fillfactor='50');
ALTER TABLE bus.group_offsets OWNER TO bus_owner;
CREATE TABLE bus.partitions (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint DEFAULT 0 NOT NULL,
    CONSTRAINT partitions_next_offset_check CHECK ((next_offset >= 0)),
    CONSTRAINT partitions_partition_check CHECK ((partition >= 0))
)
WITH (fillfactor='50');
ALTER TABLE bus.partitions OWNER TO bus_owner;
CREATE TABLE bus.records (
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    value bytea NOT NULL,
    event_id text NOT NULL,
    source text NOT NULL,
    event_time timestamp with time zone NOT NULL,
    headers jsonb NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE bus.records OWNER TO bus_owner;
ALTER TABLE ONLY bus.group_offsets
    ADD CONSTRAINT group_offsets_pkey PRIMARY KEY (group_name, topic, partition);
ALTER TABLE ONLY bus.partitions
    ADD CONSTRAINT partitions_pkey PRIMARY KEY (topic, partition);
ALTER TABLE ONLY bus.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (topic, partition, record_offset);
GRANT USAGE ON SCHEMA bus TO bus;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE bus.group_offsets TO bus;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE bus.partitions TO bus;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE bus.records TO bus;
ALTER DEFAULT PRIVILEGES FOR ROLE bus_owner IN SCHEMA bus GRANT SELECT,USAGE ON SEQUENCES TO bus;
ALTER DEFAULT PRIVILEGES FOR ROLE bus_owner IN SCHEMA bus GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO bus;
