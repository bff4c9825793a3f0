-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('bindings ' || $1::text, 0))

-- name: list
SELECT key, version, hash, definition, updated_at FROM binding WHERE tenant_id = $1 ORDER BY key

-- name: put
INSERT INTO binding AS b (tenant_id, key, version, hash, definition)
SELECT $1, g.key, 1, g.hash, g.definition FROM unnest($2::text[], $3::text[], $4::jsonb[]) AS g (key, hash, definition)
ON CONFLICT (tenant_id, key) DO UPDATE
SET version = b.version + 1, hash = excluded.hash, definition = excluded.definition, updated_at = clock_timestamp()

-- name: remove
DELETE FROM binding WHERE tenant_id = $1 AND key = ANY ($2::text[])

-- name: changed
INSERT INTO binding_revision AS r (tenant_id, revision) VALUES ($1, 1)
ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1

-- name: revisions
SELECT tenant_id, revision FROM binding_revision ORDER BY tenant_id

-- name: of_tenants
SELECT tenant_id, key, version, definition FROM binding WHERE tenant_id = ANY ($1::uuid[]) ORDER BY tenant_id, key
