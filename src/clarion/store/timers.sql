-- In every statement that takes many, timers are locked in the order of (tenant, key), which is that of its arrays.
-- A move names every column that a CHECK ties to the status: PostgreSQL checks a new row that it makes from the version in
-- its snapshot before it finds that there is a newer one, which is the one that was locked, and makes it anew from that.

-- name: set
-- $1 ids, $2 tenants, $3 keys, $4 times, $5 {actions, metadata}.
INSERT INTO timer AS t (id, tenant_id, key, fire_at, actions, metadata)
SELECT g.id, g.tenant_id, g.key, g.fire_at, g.said -> 'actions', g.said -> 'metadata'
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::jsonb[]) AS g (id, tenant_id, key, fire_at, said)
ORDER BY g.tenant_id, g.key COLLATE "C"
ON CONFLICT (tenant_id, key) DO UPDATE
SET status = 'pending', fire_at = excluded.fire_at, rev = t.rev + 1, actions = excluded.actions,
    metadata = excluded.metadata, failed = NULL, error = NULL, updated_at = clock_timestamp(), fired_at = NULL,
    cancelled_at = NULL
RETURNING id, tenant_id, key, fire_at, (xmax = 0) AS created

-- name: cancel
-- $1 tenants, $2 keys.
WITH mine AS MATERIALIZED (
    SELECT row.* FROM unnest($1::uuid[], $2::text[]) AS h (tenant_id, key) CROSS JOIN LATERAL (
        SELECT id, tenant_id, key, status FROM timer
        WHERE timer.tenant_id = h.tenant_id AND timer.key = h.key FOR UPDATE
    ) AS row
), gone AS (
    UPDATE timer SET status = 'cancelled', cancelled_at = clock_timestamp(), updated_at = clock_timestamp(),
        fired_at = NULL, failed = NULL, error = NULL
    WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE status = 'pending'))
)
SELECT * FROM mine

-- name: fire
-- $1 ids, in the order of (tenant, key). The clock is read after the rows are locked: one may wait for a lock.
WITH mine AS MATERIALIZED (
    SELECT row.* FROM unnest($1::uuid[]) AS h (id) CROSS JOIN LATERAL (
        SELECT id, tenant_id, key, status, fire_at, failed FROM timer WHERE timer.id = h.id FOR UPDATE
    ) AS row
), now AS MATERIALIZED (
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM mine) AS locked
), fired AS (
    UPDATE timer SET status = 'fired', updated_at = now.at, cancelled_at = NULL,
        fired_at = CASE WHEN failed IS NULL THEN now.at ELSE coalesce(fired_at, now.at) END
    FROM now
    WHERE id = ANY (ARRAY (
        SELECT id FROM mine, now WHERE status = 'pending' AND fire_at <= at OR status = 'fired' AND failed IS NOT NULL
    ))
    RETURNING timer.*
)
SELECT mine.id, mine.tenant_id, mine.key, fired.rev, fired.actions, fired.metadata, fired.failed, fired.fire_at,
       fired.fired_at, CASE WHEN mine.status = 'pending' AND fired.id IS NULL THEN mine.fire_at - now.at END AS remains
FROM mine CROSS JOIN now LEFT JOIN fired ON fired.id = mine.id

-- name: note_failures
-- $1 ids, $2 revs, $3 numbers of actions as arrays in text, or NULL when none failed, $4 why.
UPDATE timer SET failed = h.failed::smallint[], error = h.error
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS h (id, rev, failed, error)
WHERE timer.id = h.id AND timer.id = ANY ($1) AND timer.rev = h.rev AND timer.status = 'fired'

-- name: uncancel
UPDATE timer SET status = 'pending', rev = rev + 1, fired_at = NULL, cancelled_at = NULL, failed = NULL, error = NULL,
    updated_at = clock_timestamp()
WHERE tenant_id = $1 AND key = $2 AND status = 'cancelled' RETURNING *

-- name: hurry
UPDATE timer SET fire_at = clock_timestamp(), rev = rev + 1, updated_at = clock_timestamp()
WHERE tenant_id = $1 AND key = $2 AND status = 'pending' RETURNING *

-- name: delete
DELETE FROM timer WHERE tenant_id = $1 AND key = $2 RETURNING id

-- name: now_and
SELECT clock_timestamp() + $1::interval
