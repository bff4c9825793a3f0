-- name: find
SELECT id, tenant_id, name, digest, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_key WHERE id = $1

-- name: add
INSERT INTO api_key (tenant_id, id, digest, name, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING

-- name: revoke
UPDATE api_key SET revoked_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL

-- name: list
SELECT id, tenant_id, name, digest, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_key WHERE tenant_id = $1 ORDER BY created_at, id

-- name: touch
-- Many processes notice at once that a minute has passed: one of them writes.
UPDATE api_key SET last_used_at = clock_timestamp()
WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '30 s')
