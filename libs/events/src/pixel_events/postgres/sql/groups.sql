-- name: read_offsets
-- The committed offsets of a group for some partitions.
SELECT w.topic, w.partition, coalesce(o.next_offset, 0) AS next_offset
FROM unnest(%(topics)s::text[], %(partitions)s::integer[]) AS w (topic, partition)
LEFT JOIN group_offsets AS o
    ON o.group_name = %(group_name)s::text AND o.topic = w.topic AND o.partition = w.partition;

-- name: save_offsets
-- Commits the offsets of a group; a late commit never moves one back.
INSERT INTO group_offsets AS o (group_name, topic, partition, next_offset)
SELECT %(group_name)s::text, w.topic, w.partition, w.next_offset
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(offsets)s::bigint[]) AS w (topic, partition, next_offset)
ORDER BY w.topic, w.partition
ON CONFLICT (group_name, topic, partition) DO UPDATE
SET next_offset = greatest(o.next_offset, excluded.next_offset), committed_at = now();

-- name: take_slot
-- Takes the first free slot of a group; held while the session lives.
SELECT s.slot
FROM generate_series(0, %(slots)s::integer - 1) AS s (slot)
WHERE s.slot <> ALL (%(taken)s::integer[]) AND pg_try_advisory_lock(%(slot_class)s::integer, s.slot)
LIMIT 1;

-- name: read_slots
-- The slots of some groups that are held by a live member.
SELECT l.classid::bigint AS slot_class, l.objid::bigint AS slot
FROM pg_locks AS l
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.classid::bigint = ANY (%(slot_classes)s::bigint[])
ORDER BY l.classid, l.objid;

-- name: take_partitions
-- Takes the partitions that no other member holds.
SELECT w.lock_class, w.partition
FROM unnest(%(lock_classes)s::integer[], %(partitions)s::integer[]) AS w (lock_class, partition)
WHERE pg_try_advisory_lock(w.lock_class, w.partition);

-- name: release_locks
-- Releases slots or partitions.
SELECT count(*) FILTER (WHERE pg_advisory_unlock(w.lock_class, w.number)) AS released
FROM unnest(%(lock_classes)s::integer[], %(numbers)s::integer[]) AS w (lock_class, number);

-- name: release_all_locks
-- Releases every lock of the session before the pool reuses it.
SELECT pg_advisory_unlock_all()::text AS released;
