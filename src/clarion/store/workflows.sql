-- name: definition
SELECT definition FROM workflow_version WHERE id = $1

-- name: current
SELECT v.id, v.tenant_id, v.workflow_key, v.version, v.hash, v.definition
FROM workflow w JOIN workflow_version v
  ON v.tenant_id = w.tenant_id AND v.workflow_key = w.key AND v.version = w.current_version
WHERE w.tenant_id = $1 AND w.key = $2

-- name: version
SELECT id, tenant_id, workflow_key, version, hash, definition, bundle FROM workflow_version WHERE id = ANY ($1::uuid[])

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2, 0))

-- name: publish
-- The next version, and the workflow pointed at it.
WITH next AS (
    SELECT coalesce(max(version), 0) + 1 AS version FROM workflow_version WHERE tenant_id = $2 AND workflow_key = $3
), pointed AS (
    INSERT INTO workflow (tenant_id, key, current_version) SELECT $2, $3, version FROM next
    ON CONFLICT (tenant_id, key) DO UPDATE SET current_version = excluded.current_version, updated_at = clock_timestamp()
)
INSERT INTO workflow_version (id, tenant_id, workflow_key, version, hash, definition, bundle)
SELECT $1, $2, $3, version, $4, $5, $6 FROM next
RETURNING version

-- name: list
SELECT w.key, w.current_version, w.updated_at, v.hash
FROM workflow w JOIN workflow_version v
  ON v.tenant_id = w.tenant_id AND v.workflow_key = w.key AND v.version = w.current_version
WHERE w.tenant_id = $1 ORDER BY w.key
