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
