-- name: claim
-- $1 queue, $2 the first paced lane, $3-$4 lanes with how many of each, $5 how many of any other, $6 limit, $7 worker,
-- $8 lease. Lanes that have jobs are found by skipping from one to the next; how it claims, and why so, is in claim.sql.
WITH RECURSIVE place AS (
    SELECT first.* FROM generate_series(0, 3) AS p (priority) CROSS JOIN LATERAL (
        SELECT priority, lane FROM job WHERE queue = $1 AND state = 0 AND priority = p.priority AND lane >= $2
        ORDER BY lane LIMIT 1
    ) AS first
    WHERE NOT EXISTS (SELECT FROM queue WHERE name = $1 AND paused_at IS NOT NULL)
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT priority, lane FROM job WHERE queue = $1 AND state = 0 AND priority = place.priority AND lane > place.lane
        ORDER BY lane LIMIT 1
    ) AS next
), wanted AS (
    SELECT place.priority, place.lane, coalesce(known.size, $5::int) AS size
    FROM place LEFT JOIN unnest($3::smallint[], $4::int[]) AS known (lane, size) USING (lane)
), picked AS (
    SELECT j.id FROM (SELECT * FROM wanted WHERE size > 0 ORDER BY priority, lane) AS l
    CROSS JOIN LATERAL (
        SELECT job.id FROM job
        WHERE queue = $1 AND state = 0 AND priority = l.priority AND lane = l.lane AND run_at <= now()
        ORDER BY run_at, job.id LIMIT l.size FOR UPDATE SKIP LOCKED
    ) AS j
    LIMIT $6
)
UPDATE job SET state = 1, fence = fence + 1, attempts = least(attempts + 1, 32767), worker = $7,
               lease_until = clock_timestamp() + $8
WHERE id = ANY (ARRAY (SELECT id FROM picked))
  AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
RETURNING job.id, job.tenant_id, job.queue, job.kind, job.priority, job.lane, job.run_at, job.attempts, job.rescues,
          job.fence, job.rev, job.key, job.args, job.error, job.pace
