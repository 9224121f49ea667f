-- name: lock_account
-- Holds the account so that its keys are counted one creation at a time.
SELECT id FROM accounts WHERE id = %(account_id)s::uuid FOR UPDATE;

-- name: count_working_keys
-- Keys of an account that are not revoked.
SELECT count(*) AS working FROM api_keys WHERE account_id = %(account_id)s::uuid AND revoked_at IS NULL;

-- name: insert_key
-- Stores a key by the digest of its secret.
INSERT INTO api_keys (id, account_id, name, prefix, secret_sha256, created_at)
VALUES (%(id)s::uuid, %(account_id)s::uuid, %(name)s::text, %(prefix)s::text, %(secret_sha256)s::bytea,
    %(created_at)s::timestamptz);

-- name: find_working_key
-- Whom a secret stands for, while it works.
SELECT k.id, k.account_id, a.role FROM api_keys AS k JOIN accounts AS a ON a.id = k.account_id
WHERE k.secret_sha256 = %(secret_sha256)s::bytea AND k.revoked_at IS NULL;

-- name: revoke_key
-- Ends a key; the first time stays.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, %(at)s::timestamptz)
WHERE id = %(id)s::uuid AND account_id = %(account_id)s::uuid
RETURNING id, account_id, name, prefix, secret_sha256, created_at, revoked_at, last_used_at;

-- name: list_keys
-- Keys of an account, newest first.
SELECT id, account_id, name, prefix, created_at, revoked_at, last_used_at FROM api_keys
WHERE account_id = %(account_id)s::uuid
ORDER BY created_at DESC, id DESC LIMIT 100;

-- name: mark_keys_used
-- Records when keys were last used; an older time never replaces a newer one.
UPDATE api_keys AS k SET last_used_at = u.used_at
FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS u (id, used_at)
WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.used_at);
