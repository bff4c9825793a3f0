-- name: get
SELECT * FROM schedule WHERE tenant_id = ANY ($1::uuid[]) AND key = $2

-- name: list
-- $1 tenants, of which only their own is seen; $2 after which key.
SELECT * FROM schedule WHERE tenant_id = ANY ($1::uuid[]) AND key > $2 ORDER BY key LIMIT $3

-- name: hold
-- $1 tenants, $2 keys; locked in their order, which is that of (tenant, key). Everybody locks schedules first, jobs after.
SELECT row.* FROM unnest($1::uuid[], $2::text[]) AS h (tenant_id, key) CROSS JOIN LATERAL (
    SELECT * FROM schedule s WHERE s.tenant_id = h.tenant_id AND s.key = h.key FOR UPDATE
) AS row

-- name: of_origin
SELECT key FROM schedule WHERE tenant_id = $1 AND origin = $2 ORDER BY key

-- name: put
INSERT INTO schedule (tenant_id, key, origin, cron, timezone, catch_up, catch_up_limit, jitter, actions, hash, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, key) DO UPDATE
SET origin = excluded.origin, cron = excluded.cron, timezone = excluded.timezone, catch_up = excluded.catch_up,
    catch_up_limit = excluded.catch_up_limit, jitter = excluded.jitter, actions = excluded.actions,
    hash = excluded.hash, next_at = excluded.next_at, updated_at = clock_timestamp()
RETURNING *, (xmax = 0) AS created

-- name: delete
DELETE FROM schedule WHERE tenant_id = $1 AND key = $2 RETURNING key

-- name: pause
UPDATE schedule SET paused_at = clock_timestamp(), paused_reason = $3, updated_at = clock_timestamp()
WHERE tenant_id = $1 AND key = $2 AND paused_at IS NULL

-- name: resume
UPDATE schedule SET paused_at = NULL, paused_reason = NULL, next_at = $3, updated_at = clock_timestamp()
WHERE tenant_id = $1 AND key = $2

-- name: advance
-- $1 tenants, $2 keys, $3 the next nominal times, $4 the last ones that ran, or NULL.
UPDATE schedule SET next_at = h.next_at, last_at = coalesce(h.last_at, schedule.last_at)
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS h (tenant_id, key, next_at, last_at)
WHERE schedule.tenant_id = h.tenant_id AND schedule.key = h.key

-- name: jobless
-- $1 the queue. Those that would never run again, though nobody paused them.
SELECT s.* FROM schedule s
WHERE s.paused_at IS NULL AND s.next_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM job j WHERE j.tenant_id = s.tenant_id AND j.queue = $1 AND j.key = s.key)
ORDER BY s.tenant_id, s.key LIMIT 1000

-- name: waiting
-- For one who examines the whole system: of all tenants but the one with the system's own, $1.
SELECT count(*) FROM schedule WHERE tenant_id <> $1 AND paused_at IS NULL AND next_at IS NOT NULL
