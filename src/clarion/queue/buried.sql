-- name: page
-- $1 queue, $2 tenant or NULL, $3-$4 after which, $5 buried before when, $6 how many.
SELECT id, buried_at FROM job_buried
WHERE queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2)
  AND (buried_at, id) > ($3::timestamptz, $4::uuid) AND buried_at <= $5::timestamptz
ORDER BY buried_at, id LIMIT $6

-- name: redrive
-- $1 queue, $2 tenant or NULL, $3 ids. A job whose key or id is taken is not inserted and so stays buried. The lane is
-- that of `lane_of`: the last bits of the tenant's id, or that of its pace.
WITH picked AS MATERIALIZED (
    SELECT * FROM job_buried WHERE id = ANY ($3::uuid[]) AND queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2)
    ORDER BY buried_at, id FOR UPDATE SKIP LOCKED
), ready AS (
    INSERT INTO job (id, tenant_id, queue, kind, key, priority, lane, run_at, fence, args, error, pace)
    SELECT id, tenant_id, queue, kind, key, priority, coalesce(paced_lane, get_byte(uuid_send(tenant_id), 15) & 63),
           clock_timestamp(), fence, args, error, pace
    FROM picked ORDER BY buried_at, id
    ON CONFLICT DO NOTHING
    RETURNING id
), gone AS (
    DELETE FROM job_buried WHERE id = ANY (ARRAY (SELECT id FROM ready))
)
SELECT id, id IN (SELECT id FROM ready) AS moved FROM picked

-- name: clean
WITH gone AS (
    DELETE FROM job_buried WHERE id = ANY (ARRAY (
        SELECT id FROM job_buried
        WHERE queue = $1 AND buried_at <= now() - $2::interval AND ($3::uuid IS NULL OR tenant_id = $3)
        ORDER BY buried_at LIMIT $4 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: groups
-- $1 queue, $2 tenant or NULL, $3 how many are looked at, $4 how many groups. Addresses, ids and numbers are what differs.
WITH newest AS MATERIALIZED (
    SELECT error, buried_at FROM job_buried WHERE queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2)
    ORDER BY buried_at DESC LIMIT $3
), alike AS MATERIALIZED (
    SELECT error, buried_at,
           regexp_replace(regexp_replace(regexp_replace(left(error, 300),
               '[^\s<>"'']+@[^\s<>"'']+', '…', 'g'),
               '\m(?=[a-z_-]*[0-9])[0-9a-z_-]{8,}\M', '…', 'gi'),
               '[0-9]+', '#', 'g') AS fingerprint
    FROM newest
)
SELECT fingerprint, count(*) AS count, (array_agg(error ORDER BY buried_at DESC))[1] AS example,
       min(buried_at) AS first_at, max(buried_at) AS last_at
FROM alike GROUP BY fingerprint ORDER BY count DESC, last_at DESC LIMIT $4

-- name: forget
DELETE FROM job_buried WHERE id = $1
