-- name: settle
-- The common case: no key, no record kept. DELETE checks the fence itself; nothing is locked first.
WITH held AS MATERIALIZED (
    SELECT h.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev)
), mine AS (
    DELETE FROM job USING held WHERE job.id = held.id AND job.fence = held.fence AND job.state = 1
    RETURNING job.id, job.queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM mine GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET done = t.done + excluded.done
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM mine)

-- name: settle_keyed
-- $5 whether to keep a record, $6 the results by id.
WITH held AS MATERIALIZED (
    SELECT h.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev)
), mine AS MATERIALIZED (
    SELECT job.id, job.rev <> held.rev AND NOT job.cancelled AS again, job.cancelled
    FROM held JOIN job ON job.id = held.id AND job.fence = held.fence AND job.state = 1
    ORDER BY job.id FOR UPDATE OF job
), again AS (
    -- Set again while it ran: not gone, but ready once more.
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, attempts = 0, error = NULL
    FROM mine WHERE job.id = mine.id AND mine.again RETURNING job.id, job.queue
), gone AS (
    DELETE FROM job USING mine WHERE job.id = mine.id AND NOT mine.again RETURNING job.*
), kept AS (
    INSERT INTO job_done (id, tenant_id, queue, kind, key, priority, attempts, args, result)
    SELECT id, tenant_id, queue, kind, key, priority, attempts, args, $6::jsonb -> (id::text) FROM gone WHERE $5
    ON CONFLICT (id) DO UPDATE SET result = excluded.result, attempts = excluded.attempts, done_at = clock_timestamp()
), moved AS (
    SELECT queue FROM gone UNION ALL SELECT queue FROM again
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM moved GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET done = t.done + excluded.done
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM mine)

-- name: put_off
-- $5 how long each waits (NULL: due when it was), $6 what went wrong, $7 whether the attempt is spent.
WITH held AS MATERIALIZED (
    SELECT h.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev)
), mine AS MATERIALIZED (
    SELECT job.id, job.rev <> held.rev AND NOT job.cancelled AS again, job.cancelled
    FROM held JOIN job ON job.id = held.id AND job.fence = held.fence AND job.state = 1
    ORDER BY job.id FOR UPDATE OF job
), gone AS (
    DELETE FROM job USING mine WHERE job.id = mine.id AND mine.cancelled RETURNING job.id
), later AS (
    SELECT * FROM unnest($1::uuid[], $5::interval[], $6::text[], $7::bool[]) AS p (id, after, error, spent)
), moved AS (
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, error = coalesce(later.error, job.error),
        run_at = CASE WHEN mine.again OR later.after IS NULL THEN job.run_at ELSE clock_timestamp() + later.after END,
        attempts = CASE WHEN mine.again THEN 0 WHEN later.spent THEN job.attempts ELSE greatest(job.attempts - 1, 0) END
    FROM mine JOIN later USING (id) WHERE job.id = mine.id AND NOT mine.cancelled
    RETURNING job.queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, retried)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM moved GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET retried = t.retried + excluded.retried
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM mine)

-- name: bury
-- $5 the reasons.
WITH held AS MATERIALIZED (
    SELECT h.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev)
), mine AS MATERIALIZED (
    SELECT job.id, job.rev <> held.rev AND NOT job.cancelled AS again, job.cancelled
    FROM held JOIN job ON job.id = held.id AND job.fence = held.fence AND job.state = 1
    ORDER BY job.id FOR UPDATE OF job
), again AS (
    -- Set again while it ran: not gone, but ready once more.
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, attempts = 0, error = NULL
    FROM mine WHERE job.id = mine.id AND mine.again RETURNING job.id, job.queue
), gone AS (
    DELETE FROM job USING mine WHERE job.id = mine.id AND NOT mine.again RETURNING job.*
), reason AS (
    SELECT * FROM unnest($1::uuid[], $5::text[]) AS r (id, error)
), grave AS (
    INSERT INTO job_buried (id, tenant_id, queue, kind, key, priority, attempts, rescues, args, error)
    SELECT gone.id, tenant_id, queue, kind, key, priority, attempts, rescues, args, reason.error
    FROM gone JOIN reason USING (id) WHERE NOT gone.cancelled
    ON CONFLICT (id) DO UPDATE SET error = excluded.error, attempts = excluded.attempts, buried_at = clock_timestamp()
    RETURNING queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, buried)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM grave GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET buried = t.buried + excluded.buried
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM mine)

-- name: extend
-- $4 the new lease. One that ran out stays lost, even if nobody has taken the job yet.
WITH held AS MATERIALIZED (
    SELECT h.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev)
), mine AS MATERIALIZED (
    SELECT job.id, job.rev <> held.rev AND NOT job.cancelled AS again, job.cancelled
    FROM held JOIN job ON job.id = held.id AND job.fence = held.fence AND job.state = 1
    ORDER BY job.id FOR UPDATE OF job
), moved AS (
    UPDATE job SET lease_until = clock_timestamp() + $4
    FROM mine WHERE job.id = mine.id AND job.lease_until > clock_timestamp()
    RETURNING job.id
)
SELECT id FROM held WHERE id NOT IN (SELECT id FROM moved)

-- name: still_mine
SELECT job.id, job.lease_until - clock_timestamp() AS remains
FROM unnest($1::uuid[], $2::int[]) AS held (id, fence)
JOIN job ON job.id = held.id AND job.fence = held.fence AND job.state = 1 AND NOT job.cancelled
WHERE job.lease_until > clock_timestamp()
