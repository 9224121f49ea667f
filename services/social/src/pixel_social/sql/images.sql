-- name: insert_set
-- Write a set unless it exists; no row is affected then.
INSERT INTO sets (id, user_id, generation_id, created_at)
VALUES (%(id)s::uuid, %(user_id)s::uuid, %(generation_id)s::uuid, %(created_at)s::timestamptz)
ON CONFLICT DO NOTHING;

-- name: insert_image
-- Write one image of a set that was written in this transaction.
INSERT INTO images (
    id, user_id, set_id, generation_id, index, prompt, model, style, width, height, seed, private, created_at, hot
)
VALUES (
    %(id)s::uuid, %(user_id)s::uuid, %(set_id)s::uuid, %(generation_id)s::uuid, %(index)s::integer, %(prompt)s::text,
    %(model)s::text, %(style)s::text, %(width)s::integer, %(height)s::integer, %(seed)s::bigint, %(private)s::boolean,
    %(created_at)s::timestamptz, %(hot)s::double precision
);

-- name: find_set
-- Read a set by its id.
SELECT id, user_id, generation_id, created_at
FROM sets
WHERE id = %(id)s::uuid;

-- name: list_set_images
-- Read the images of a set in batch order.
SELECT id, user_id, set_id, generation_id, index, prompt, model, style, width, height, seed, private, created_at,
       like_count, comment_count, view_count, hot
FROM images
WHERE set_id = %(set_id)s::uuid
ORDER BY index;

-- name: list_recent
-- Read public images, newest first, after a position.
SELECT id, user_id, set_id, generation_id, index, prompt, model, style, width, height, seed, private, created_at,
       like_count, comment_count, view_count, hot
FROM images
WHERE NOT private
  AND (%(model)s::text IS NULL OR model = %(model)s::text)
  AND (%(style)s::text IS NULL OR style = %(style)s::text)
  AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid)
  AND (%(made_from)s::timestamptz IS NULL OR created_at >= %(made_from)s::timestamptz)
  AND (%(made_before)s::timestamptz IS NULL OR created_at < %(made_before)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR (created_at, id) < (%(after_rank)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- name: list_popular
-- Read public images, most liked first, after a position.
SELECT id, user_id, set_id, generation_id, index, prompt, model, style, width, height, seed, private, created_at,
       like_count, comment_count, view_count, hot
FROM images
WHERE NOT private
  AND (%(model)s::text IS NULL OR model = %(model)s::text)
  AND (%(style)s::text IS NULL OR style = %(style)s::text)
  AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid)
  AND (%(made_from)s::timestamptz IS NULL OR created_at >= %(made_from)s::timestamptz)
  AND (%(made_before)s::timestamptz IS NULL OR created_at < %(made_before)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR (like_count, id) < (%(after_rank)s::bigint, %(after_id)s::uuid))
ORDER BY like_count DESC, id DESC
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- name: list_trending
-- Read public images, highest time-decayed score first, after a position.
SELECT id, user_id, set_id, generation_id, index, prompt, model, style, width, height, seed, private, created_at,
       like_count, comment_count, view_count, hot
FROM images
WHERE NOT private
  AND (%(model)s::text IS NULL OR model = %(model)s::text)
  AND (%(style)s::text IS NULL OR style = %(style)s::text)
  AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid)
  AND (%(made_from)s::timestamptz IS NULL OR created_at >= %(made_from)s::timestamptz)
  AND (%(made_before)s::timestamptz IS NULL OR created_at < %(made_before)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR (hot, id) < (%(after_rank)s::double precision, %(after_id)s::uuid))
ORDER BY hot DESC, id DESC
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;
