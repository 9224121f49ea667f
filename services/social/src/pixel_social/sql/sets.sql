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
