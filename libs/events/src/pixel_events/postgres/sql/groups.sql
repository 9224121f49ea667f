-- name: read_offsets
-- From where a group goes on, for some partitions.
SELECT w.topic, w.partition, coalesce(o.next_offset, 0) AS next_offset
FROM unnest(%(topics)s::text[], %(partitions)s::integer[]) AS w (topic, partition)
LEFT JOIN group_offsets AS o
    ON o.group_name = %(group_name)s::text AND o.topic = w.topic AND o.partition = w.partition;

-- name: save_offsets
-- Records how far a group has come; a late commit never moves it back.
INSERT INTO group_offsets AS o (group_name, topic, partition, next_offset)
SELECT %(group_name)s::text, w.topic, w.partition, w.next_offset
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(offsets)s::bigint[]) AS w (topic, partition, next_offset)
ORDER BY w.topic, w.partition
ON CONFLICT (group_name, topic, partition) DO UPDATE
SET next_offset = greatest(o.next_offset, excluded.next_offset), committed_at = now();

-- name: take_seat
-- Takes the first free seat of a group; held while the session lives.
SELECT s.seat
FROM generate_series(0, %(seats)s::integer - 1) AS s (seat)
WHERE s.seat <> ALL (%(taken)s::integer[]) AND pg_try_advisory_lock(%(seat_class)s::integer, s.seat)
LIMIT 1;

-- name: read_seats
-- The seats of some groups that a living member holds.
SELECT l.classid::bigint AS seat_class, l.objid::bigint AS seat
FROM pg_locks AS l
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.classid::bigint = ANY (%(seat_classes)s::bigint[])
ORDER BY l.classid, l.objid;

-- name: take_partitions
-- Takes the partitions that no other member holds.
SELECT w.lock_class, w.partition
FROM unnest(%(lock_classes)s::integer[], %(partitions)s::integer[]) AS w (lock_class, partition)
WHERE pg_try_advisory_lock(w.lock_class, w.partition);

-- name: give_locks
-- Gives seats or partitions back.
SELECT count(*) FILTER (WHERE pg_advisory_unlock(w.lock_class, w.number)) AS given
FROM unnest(%(lock_classes)s::integer[], %(numbers)s::integer[]) AS w (lock_class, number);

-- name: give_all_locks
-- Leaves a session clean for its next user.
SELECT pg_advisory_unlock_all()::text AS given;
