-- name: lock
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2 || ' ' || $3, 4))

-- name: find
SELECT request_hash, answer FROM kept_answer
WHERE tenant_id = $1 AND caller = $2 AND key = $3 AND expires_at > clock_timestamp()

-- name: keep
-- Whoever calls holds the lock of the key and found no row that counts: what is there has expired.
INSERT INTO kept_answer (tenant_id, caller, key, request_hash, answer, claim, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::interval)
ON CONFLICT (tenant_id, caller, key) DO UPDATE
SET request_hash = excluded.request_hash, answer = excluded.answer, claim = excluded.claim, expires_at = excluded.expires_at

-- name: settle
UPDATE kept_answer SET answer = $5, claim = NULL, expires_at = clock_timestamp() + $6::interval
WHERE tenant_id = $1 AND caller = $2 AND key = $3 AND claim = $4

-- name: release
DELETE FROM kept_answer WHERE tenant_id = $1 AND caller = $2 AND key = $3 AND claim = $4

-- name: prune
WITH gone AS (
    DELETE FROM kept_answer WHERE (tenant_id, caller, key) IN (
        SELECT tenant_id, caller, key FROM kept_answer WHERE expires_at < now() - $1::interval
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING 1
)
SELECT count(*) FROM gone
