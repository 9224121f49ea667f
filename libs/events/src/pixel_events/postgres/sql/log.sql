-- name: insert_partitions
-- Creates the missing partitions; one row for each.
INSERT INTO partitions (topic, partition)
SELECT t.topic, p.partition
FROM unnest(%(topics)s::text[], %(partitions)s::integer[]) AS t (topic, count)
CROSS JOIN LATERAL generate_series(0, t.count - 1) AS p (partition)
ON CONFLICT DO NOTHING
RETURNING topic;

-- name: read_heads
-- The next offset of each partition of some topics.
SELECT p.topic, p.partition, p.next_offset
FROM partitions AS p
WHERE p.topic = ANY (%(topics)s::text[])
ORDER BY p.topic, p.partition;

-- name: read_topics
-- The topics that exist.
SELECT DISTINCT p.topic FROM partitions AS p;

-- name: append_records
-- Stores a batch: locks its partitions in one order for all publishers, numbers the records, notifies the consumers.
-- Stores nothing when one of the partitions is missing.
WITH batch AS MATERIALIZED (
    SELECT e.topic, e.partition, e.key, e.type, e.value, e.event_id, e.source, e.event_time, e.headers, e.place
    FROM unnest(
        %(topics)s::text[], %(partitions)s::integer[], %(keys)s::text[], %(types)s::text[], %(values)s::bytea[],
        %(event_ids)s::text[], %(sources)s::text[], %(event_times)s::timestamptz[], %(headers)s::jsonb[]
    ) WITH ORDINALITY
        AS e (topic, partition, key, type, value, event_id, source, event_time, headers, place)
),
sizes AS MATERIALIZED (
    SELECT b.topic, b.partition, count(*) AS records FROM batch AS b GROUP BY b.topic, b.partition
),
locked AS MATERIALIZED (
    SELECT p.topic, p.partition
    FROM partitions AS p
    WHERE (p.topic, p.partition) IN (SELECT s.topic, s.partition FROM sizes AS s)
    ORDER BY p.topic, p.partition
    FOR UPDATE
),
numbered AS (
    UPDATE partitions AS p
    SET next_offset = p.next_offset + s.records
    FROM sizes AS s
    WHERE p.topic = s.topic AND p.partition = s.partition
        AND (SELECT count(*) FROM locked) = (SELECT count(*) FROM sizes)
    RETURNING p.topic, p.partition, p.next_offset - s.records AS first_offset
),
stored AS (
    INSERT INTO records
        (topic, partition, record_offset, key, type, value, event_id, source, event_time, headers)
    SELECT
        b.topic, b.partition,
        n.first_offset + row_number() OVER (PARTITION BY b.topic, b.partition ORDER BY b.place) - 1,
        b.key, b.type, b.value, b.event_id, b.source, b.event_time, b.headers
    FROM batch AS b
    JOIN numbered AS n USING (topic, partition)
    RETURNING partition
)
SELECT count(*) AS stored, pg_notify('bus_records', '')::text AS notified FROM stored;

-- name: read_records
-- The next records of some partitions, up to a limit from each.
SELECT
    r.topic, r.partition, r.record_offset, r.key, r.type, r.value, r.event_id, r.source, r.event_time, r.headers
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(offsets)s::bigint[]) AS w (topic, partition, from_offset)
CROSS JOIN LATERAL (
    SELECT
        s.topic, s.partition, s.record_offset, s.key, s.type, s.value, s.event_id, s.source, s.event_time, s.headers
    FROM records AS s
    WHERE s.topic = w.topic AND s.partition = w.partition AND s.record_offset >= w.from_offset
    ORDER BY s.record_offset
    LIMIT %(per_partition)s::integer
) AS r;

-- name: delete_expired
-- Deletes the oldest records of a topic that are past its retention, up to a limit from each partition.
DELETE FROM records AS r
USING (
    SELECT o.topic, o.partition, o.record_offset
    FROM partitions AS p
    CROSS JOIN LATERAL (
        SELECT s.topic, s.partition, s.record_offset, s.stored_at
        FROM records AS s
        WHERE s.topic = p.topic AND s.partition = p.partition
        ORDER BY s.record_offset
        LIMIT %(per_partition)s::integer
    ) AS o
    WHERE p.topic = %(topic)s::text
        AND o.stored_at < now() - make_interval(secs => %(retention_s)s::double precision)
) AS expired
WHERE r.topic = expired.topic AND r.partition = expired.partition AND r.record_offset = expired.record_offset;
