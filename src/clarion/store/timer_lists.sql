-- name: get
SELECT * FROM timer WHERE tenant_id = $1 AND key = $2

-- name: get_by_id
SELECT * FROM timer WHERE tenant_id = $1 AND id = $2

-- name: by_time
-- $1 tenant, $2 statuses, $3-$4 behind which, $5 from when, $6 until when, $7 how many. Each status is read in order.
SELECT t.* FROM unnest($2::text[]) AS s (status) CROSS JOIN LATERAL (
    SELECT * FROM timer
    WHERE timer.tenant_id = $1 AND timer.status = s.status AND (fire_at, id) > ($3::timestamptz, $4::uuid)
      AND fire_at >= $5 AND fire_at < $6
    ORDER BY fire_at, id LIMIT $7
) AS t
ORDER BY t.fire_at, t.id LIMIT $7

-- name: by_metadata
-- The same, and $8 any of what is contained, $9 how keys begin. What is found is sorted: it should be few. All but the
-- metadata is written so that no index fits it: without statistics any of those would seem better, and reads a whole tenant.
WITH found AS MATERIALIZED (
    SELECT id, fire_at FROM timer
    WHERE tenant_id IS NOT DISTINCT FROM $1 AND metadata <> '{}' AND metadata @> ANY ($8::jsonb[])
      AND array_position($2::text[], status) IS NOT NULL AND starts_with(key, $9)
      AND (fire_at, id) > ($3::timestamptz, $4::uuid) AND fire_at >= $5 AND fire_at < $6
), first AS MATERIALIZED (
    SELECT id FROM found ORDER BY fire_at, id LIMIT $7
)
SELECT * FROM timer WHERE id = ANY (ARRAY (SELECT id FROM first)) ORDER BY fire_at, id

-- name: by_firing
-- $1 tenant, $2-$3 behind which, $4 from when, $5 how many: those that fired, in the order in which they did. As of what comes
-- in, only those behind which nothing can come any more: a firing whose transaction is open still is not passed over.
SELECT * FROM timer
WHERE tenant_id = $1 AND status = 'fired' AND (updated_at, id) > ($2::timestamptz, $3::uuid) AND updated_at >= $4
  AND updated_at < (SELECT least(min(xact_start), clock_timestamp() - interval '50 milliseconds') FROM pg_stat_activity
                    WHERE datname = current_database() AND backend_xid IS NOT NULL)
ORDER BY updated_at, id LIMIT $5

-- name: by_key
-- $1 tenant, $2 statuses, $3 behind which, $4-$5 between which keys, $6 from when, $7 until when, $8 how many.
SELECT * FROM timer
WHERE tenant_id = $1 AND key > $3 AND key >= $4 AND key < $5 AND status = ANY ($2::text[])
  AND fire_at >= $6 AND fire_at < $7
ORDER BY key LIMIT $8
