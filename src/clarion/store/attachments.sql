-- name: put
-- The same octets again are the same file: it is called as it was last.
INSERT INTO attachment (tenant_id, digest, name, type, content) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, digest) DO UPDATE SET name = excluded.name, type = excluded.type, used_at = clock_timestamp()
RETURNING digest, name, type, size, created_at, xmax = 0 AS is_new

-- name: get
SELECT digest, name, type, size, created_at FROM attachment WHERE tenant_id = $1 AND digest = $2

-- name: use
-- Until the transaction ends nobody removes them. Locked in the order of their names.
WITH held AS MATERIALIZED (
    SELECT a.tenant_id, a.digest FROM attachment a
    JOIN unnest($1::uuid[], $2::bytea[]) AS g (tenant_id, digest) USING (tenant_id, digest)
    ORDER BY a.tenant_id, a.digest FOR UPDATE OF a
)
UPDATE attachment a SET used_at = clock_timestamp() FROM held h WHERE a.tenant_id = h.tenant_id AND a.digest = h.digest
RETURNING a.tenant_id, a.digest, a.name, a.type, a.size

-- name: keep
-- From here on they stay until the triggers have ended.
INSERT INTO attachment_use (tenant_id, digest, trigger_id) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[])

-- name: watch
-- Until the transaction ends retention leaves these be. Nobody is waited for: who has one locked uses it or removes it.
SELECT FROM attachment a JOIN unnest($1::uuid[], $2::bytea[]) AS g (tenant_id, digest) USING (tenant_id, digest)
FOR KEY SHARE OF a SKIP LOCKED

-- name: hold
INSERT INTO attachment_timer (tenant_id, digest, timer_id) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[])
ON CONFLICT DO NOTHING

-- name: contents
SELECT digest, content FROM attachment WHERE tenant_id = $1 AND digest = ANY ($2::bytea[])

-- name: prune
WITH gone AS (
    DELETE FROM attachment WHERE (tenant_id, digest) IN (
        SELECT a.tenant_id, a.digest FROM attachment a
        WHERE a.used_at < now() - $1::interval AND NOT attachment_is_held_1(a.tenant_id, a.digest)
        ORDER BY a.used_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED
    ) RETURNING tenant_id, digest
), named AS (
    DELETE FROM attachment_timer h USING gone g WHERE h.tenant_id = g.tenant_id AND h.digest = g.digest
)
SELECT count(*) FROM gone

-- name: count
SELECT count(*) FROM attachment a
WHERE a.used_at < now() - $1::interval AND NOT attachment_is_held_1(a.tenant_id, a.digest)
