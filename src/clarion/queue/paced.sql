-- name: claim
-- $1 queue, $2-$3 paces with how many jobs of each, $4 how many of any other, $5 limit, $6 worker, $7 lease, $8 how
-- many of priorities up to $9, $10 by what paces are shuffled: those that come first take all there is room for. Paces that
-- have jobs are found by skipping from one to the next; how it claims, and why so, is in claim.sql. By pace and not by lane:
-- two names may have the same lane, and a slow one's thousands would stand before a fast one's.
WITH RECURSIVE place AS (
    SELECT first.* FROM generate_series(0, 3) AS p (priority) CROSS JOIN LATERAL (
        SELECT priority, pace FROM job
        WHERE queue = $1 AND state = 0 AND pace IS NOT NULL AND priority = p.priority
        ORDER BY pace LIMIT 1
    ) AS first
    WHERE NOT EXISTS (SELECT FROM queue WHERE name = $1 AND paused_at IS NOT NULL)
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT priority, pace FROM job
        WHERE queue = $1 AND state = 0 AND pace IS NOT NULL AND priority = place.priority AND pace > place.pace
        ORDER BY pace LIMIT 1
    ) AS next
), wanted AS (
    SELECT place.priority, place.pace,
           coalesce(CASE WHEN place.priority <= $9::int THEN known.urgent ELSE known.size END, $4::int) AS size
    FROM place LEFT JOIN unnest($2::text[], $3::int[], $8::int[]) AS known (pace, size, urgent) USING (pace)
), picked AS (
    SELECT j.id FROM (SELECT * FROM wanted WHERE size > 0 ORDER BY priority, hashtextextended(pace, $10::bigint)) AS l
    CROSS JOIN LATERAL (
        SELECT job.id FROM job
        WHERE queue = $1 AND state = 0 AND priority = l.priority AND pace = l.pace AND run_at <= now()
        ORDER BY run_at, job.id LIMIT l.size FOR UPDATE SKIP LOCKED
    ) AS j
    LIMIT $5
)
UPDATE job SET state = 1, fence = fence + 1, attempts = least(attempts + 1, 32767), worker = $6,
               lease_until = clock_timestamp() + $7
WHERE id = ANY (ARRAY (SELECT id FROM picked))
  AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
RETURNING job.id, job.tenant_id, job.queue, job.kind, job.priority, job.lane, job.run_at, job.attempts, job.rescues,
          job.fence, job.rev, job.key, job.args, job.error, job.pace
