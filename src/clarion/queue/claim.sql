-- name: claim
-- $1 queue, $2-$5 lanes with the place to begin in each, $6 limit, $7 worker, $8 lease.
-- LATERAL with LIMIT 1 rather than EXISTS, which the planner may turn into a scan of everything that is ready; and
-- `= ANY (ARRAY (…))` rather than a join, which may flip to a hash join over the whole table.
-- The bound is now(), which an index can use, where clock_timestamp() would be a filter over all jobs of the future.
WITH lane AS MATERIALIZED (
    SELECT l.* FROM unnest($2::smallint[], $3::smallint[], $4::timestamptz[], $5::uuid[]) WITH ORDINALITY
        AS l (priority, number, at, id, turn)
    CROSS JOIN LATERAL (
        SELECT FROM job
        WHERE queue = $1 AND state = 0 AND priority = l.priority AND lane = l.number
          AND (run_at, job.id) > (l.at, l.id) AND run_at <= now()
        ORDER BY run_at, job.id LIMIT 1
    ) AS work
    WHERE NOT EXISTS (SELECT FROM queue WHERE name = $1 AND paused_at IS NOT NULL)
), share AS (
    SELECT *, greatest(1, $6 / count(*) OVER (PARTITION BY priority)) AS size FROM lane
), picked AS (
    SELECT j.id FROM (SELECT * FROM share ORDER BY priority, turn) AS l
    CROSS JOIN LATERAL (
        SELECT job.id FROM job
        WHERE queue = $1 AND state = 0 AND priority = l.priority AND lane = l.number
          AND (run_at, job.id) > (l.at, l.id) AND run_at <= now()
        ORDER BY run_at, job.id LIMIT l.size FOR UPDATE SKIP LOCKED
    ) AS j
    LIMIT $6
)
-- Not a column may overflow: one such job would make every claim of its queue fail.
UPDATE job SET state = 1, fence = fence + 1, attempts = least(attempts + 1, 32767), worker = $7,
               lease_until = clock_timestamp() + $8
WHERE id = ANY (ARRAY (SELECT id FROM picked))
  -- Nobody waits for this commit to reach the disk: whatever is done with the job commits later and takes it along.
  AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
RETURNING job.id, job.tenant_id, job.queue, job.kind, job.priority, job.lane, job.run_at, job.attempts, job.rescues,
          job.fence, job.rev, job.key, job.args, job.error, job.pace
