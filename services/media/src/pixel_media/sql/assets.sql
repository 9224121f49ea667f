-- name: find_renditions
-- The renditions of stored assets, each with the metadata of its asset.
SELECT
    a.id, a.user_id, a.sha256, a.size_bytes, a.generation_id, a.tags, a.stored_at,
    r.kind, r.key, r.content_type, r.width, r.height, r.size_bytes AS rendition_bytes, r.sha256 AS rendition_sha256
FROM assets AS a
JOIN renditions AS r ON r.asset_id = a.id
WHERE a.id = ANY(%(ids)s::uuid[]) AND a.state = 'stored'
ORDER BY a.id, array_position(ARRAY['original', 'thumbnail', 'preview'], r.kind);

-- name: begin_asset
-- Record an upload, or reset the age of the same upload; no row when the id is used otherwise.
INSERT INTO assets AS a (id, state, user_id, sha256, size_bytes, generation_id, tags, begun_at)
VALUES (
    %(id)s::uuid, 'receiving', %(user_id)s::uuid, %(sha256)s::text, %(size_bytes)s::bigint,
    %(generation_id)s::uuid, %(tags)s::text[], %(at)s::timestamptz
)
ON CONFLICT (id) DO UPDATE SET begun_at = excluded.begun_at
WHERE a.state = 'receiving' AND a.user_id = excluded.user_id AND a.sha256 = excluded.sha256
RETURNING a.id;

-- name: find_state
-- The state of an asset.
SELECT state FROM assets WHERE id = %(id)s::uuid;

-- name: finish_asset
-- Make an asset visible with its renditions; no row when its upload was finished or abandoned meanwhile.
WITH finished AS (
    UPDATE assets SET state = 'stored', stored_at = %(at)s::timestamptz
    WHERE id = %(id)s::uuid AND state = 'receiving' AND sha256 = %(sha256)s::text
    RETURNING id
), written AS (
    INSERT INTO renditions (asset_id, kind, key, content_type, width, height, size_bytes, sha256)
    SELECT f.id, r.kind, r.key, r.content_type, r.width, r.height, r.size_bytes, r.sha256
    FROM finished AS f, unnest(
        %(kinds)s::text[], %(keys)s::text[], %(content_types)s::text[], %(widths)s::integer[], %(heights)s::integer[],
        %(sizes)s::bigint[], %(hashes)s::text[]
    ) AS r (kind, key, content_type, width, height, size_bytes, sha256)
)
SELECT id FROM finished;

-- name: sum_usage
-- The stored bytes by type.
SELECT a.type, sum(r.size_bytes)::bigint AS bytes
FROM assets AS a
JOIN renditions AS r ON r.asset_id = a.id
WHERE a.state = 'stored'
GROUP BY a.type;
