-- name: get
WITH found AS (
    SELECT 0 AS rank, id, tenant_id, queue, kind, key, priority,
       CASE WHEN state = 1 THEN 'running' WHEN run_at <= clock_timestamp() THEN 'ready' ELSE 'scheduled' END AS state,
       run_at, attempts, rescues, worker, lease_until, cancelled, args, progress, error, NULL::jsonb AS result,
       NULL::timestamptz AS finished_at
    FROM job WHERE id = $2 AND tenant_id = $1
    UNION ALL
    SELECT 1, id, tenant_id, queue, kind, key, priority, 'done' AS state, NULL::timestamptz AS run_at,
       attempts, 0::smallint AS rescues, NULL AS worker, NULL::timestamptz AS lease_until, false AS cancelled, args, NULL::jsonb AS progress,
       NULL AS error, result, done_at AS finished_at
    FROM job_done WHERE id = $2 AND tenant_id = $1
    UNION ALL
    SELECT 1, id, tenant_id, queue, kind, key, priority, 'buried' AS state, NULL::timestamptz AS run_at,
       attempts, rescues, NULL AS worker, NULL::timestamptz AS lease_until, false AS cancelled, args, NULL::jsonb AS progress,
       error, NULL::jsonb AS result, buried_at AS finished_at
    FROM job_buried WHERE id = $2 AND tenant_id = $1
)
SELECT id, tenant_id, queue, kind, key, priority, state, run_at, attempts, rescues, worker, lease_until, cancelled, args,
       progress, error, result, finished_at
FROM found ORDER BY rank, finished_at DESC LIMIT 1

-- name: list_ready
-- $1 queue, $2 tenant or NULL, $3-$5 after which (priority, run_at, id), $6 how many, $7 and $8 the priorities and lanes.
-- The first of each lane, then the first of those: every lane is read in the order of the index, and no further than needed.
SELECT one.* FROM unnest($7::smallint[], $8::smallint[]) AS place (priority, lane) CROSS JOIN LATERAL (
    SELECT id, tenant_id, queue, kind, key, priority, 'ready' AS state, run_at, attempts, rescues, worker, lease_until,
           cancelled, args, progress, error, NULL::jsonb AS result, NULL::timestamptz AS finished_at, run_at AS at
    FROM job
    WHERE queue = $1 AND state = 0 AND priority = place.priority AND lane = place.lane AND run_at <= now()
      AND (run_at, id) > (CASE WHEN place.priority = $3 THEN $4::timestamptz ELSE '-infinity' END, $5::uuid)
      AND ($2::uuid IS NULL OR tenant_id = $2)
    ORDER BY run_at, id LIMIT $6
) AS one
WHERE place.priority >= $3
ORDER BY one.priority, one.run_at, one.id LIMIT $6

-- name: list_scheduled
SELECT one.* FROM unnest($7::smallint[], $8::smallint[]) AS place (priority, lane) CROSS JOIN LATERAL (
    SELECT id, tenant_id, queue, kind, key, priority, 'scheduled' AS state, run_at, attempts, rescues, worker,
           lease_until, cancelled, args, progress, error, NULL::jsonb AS result, NULL::timestamptz AS finished_at, run_at AS at
    FROM job
    WHERE queue = $1 AND state = 0 AND priority = place.priority AND lane = place.lane AND run_at > now()
      AND (run_at, id) > (CASE WHEN place.priority = $3 THEN $4::timestamptz ELSE '-infinity' END, $5::uuid)
      AND ($2::uuid IS NULL OR tenant_id = $2)
    ORDER BY run_at, id LIMIT $6
) AS one
WHERE place.priority >= $3
ORDER BY one.priority, one.run_at, one.id LIMIT $6

-- name: list_running
SELECT id, tenant_id, queue, kind, key, priority, 'running' AS state, run_at, attempts, rescues, worker, lease_until,
       cancelled, args, progress, error, NULL::jsonb AS result, NULL::timestamptz AS finished_at, lease_until AS at
FROM job
WHERE state = 1 AND queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND $3::int IS NOT NULL
  AND (lease_until, id) > ($4::timestamptz, $5::uuid)
ORDER BY lease_until, id LIMIT $6

-- name: list_done
SELECT id, tenant_id, queue, kind, key, priority, 'done' AS state, NULL::timestamptz AS run_at,
       attempts, 0::smallint AS rescues, NULL AS worker, NULL::timestamptz AS lease_until, false AS cancelled, args, NULL::jsonb AS progress,
       NULL AS error, result, done_at AS finished_at, done_at AS at
FROM job_done
WHERE queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND $3::int IS NOT NULL
  AND (done_at, id) < ($4::timestamptz, $5::uuid)
ORDER BY done_at DESC, id DESC LIMIT $6

-- name: list_buried
SELECT id, tenant_id, queue, kind, key, priority, 'buried' AS state, NULL::timestamptz AS run_at,
       attempts, rescues, NULL AS worker, NULL::timestamptz AS lease_until, false AS cancelled, args, NULL::jsonb AS progress,
       error, NULL::jsonb AS result, buried_at AS finished_at, buried_at AS at
FROM job_buried
WHERE queue = $1 AND ($2::uuid IS NULL OR tenant_id = $2) AND $3::int IS NOT NULL
  AND (buried_at, id) < ($4::timestamptz, $5::uuid)
ORDER BY buried_at DESC, id DESC LIMIT $6

-- name: set_progress
UPDATE job SET progress = $3 WHERE id = $1 AND fence = $2 AND state = 1 RETURNING true

-- name: paced
-- The lanes of $1 from $2 on that have jobs: found by skipping from one to the next.
WITH RECURSIVE place AS (
    SELECT first.* FROM generate_series(0, 3) AS p (priority) CROSS JOIN LATERAL (
        SELECT priority, lane FROM job WHERE queue = $1 AND state = 0 AND priority = p.priority AND lane >= $2
        ORDER BY lane LIMIT 1
    ) AS first
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT priority, lane FROM job WHERE queue = $1 AND state = 0 AND priority = place.priority AND lane > place.lane
        ORDER BY lane LIMIT 1
    ) AS next
)
SELECT DISTINCT lane FROM place ORDER BY lane
