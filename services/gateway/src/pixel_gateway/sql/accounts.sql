-- name: insert_account
-- Stores an account unless its username is taken.
INSERT INTO accounts (id, username, first_credits, created_at, role)
VALUES (%(id)s::uuid, %(username)s::text, %(first_credits)s::bigint, %(created_at)s::timestamptz, %(role)s::text)
ON CONFLICT (username) DO NOTHING;

-- name: get_account_by_username
-- The account that has a username.
SELECT id, username, created_at, role FROM accounts WHERE username = %(username)s::text;

-- name: get_account
-- One account.
SELECT id, username, created_at, role FROM accounts WHERE id = %(id)s::uuid;

-- name: list_owed_credits
-- Accounts whose first credits are not confirmed, oldest first.
SELECT id, first_credits FROM accounts
WHERE first_credits > 0 AND first_credits_given_at IS NULL
ORDER BY created_at LIMIT %(limit)s::int;

-- name: mark_first_credits_given
-- Records that the ledger has given the first credits.
UPDATE accounts SET first_credits_given_at = now() WHERE id = %(id)s::uuid AND first_credits_given_at IS NULL;

-- name: set_role
-- Gives an account a role.
UPDATE accounts SET role = %(role)s::text WHERE id = %(id)s::uuid RETURNING id;
