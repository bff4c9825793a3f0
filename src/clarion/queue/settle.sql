-- name: settle
-- In every statement here the claims come as columns ($1 ids, $2 fences, $3 revs) in the order of their ids, and rows are
-- locked one by one in that order. The lock is taken inside a LATERAL and the rows are then named by `= ANY (ARRAY (…))`:
-- joined freely, a plan made while the table was empty may walk the whole of it, and such a plan lives on when it is full.
--
-- The common case: no key, no record kept. $3 is the slot in the tally.
WITH mine AS (
    DELETE FROM job WHERE id = ANY (ARRAY (
        SELECT row.id FROM unnest($1::uuid[], $2::int[]) AS h (id, fence) CROSS JOIN LATERAL (
            SELECT id FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
        ) AS row
    ))
    RETURNING id, queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done)
    SELECT queue, date_trunc('minute', now()), $3, count(*) FROM mine GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET done = t.done + excluded.done
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM mine)

-- name: settle_keyed
-- $4 the slot in the tally, $5 whether to keep a record, $6 the results by id.
WITH mine AS MATERIALIZED (
    SELECT row.* FROM unnest($1::uuid[], $2::int[], $3::int[]) AS h (id, fence, rev) CROSS JOIN LATERAL (
        SELECT id, rev <> h.rev AND NOT cancelled AS again
        FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), again AS (
    -- Set again while it ran: not gone, but ready once more.
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, attempts = 0, rescues = 0, error = NULL
    WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE again)) RETURNING queue
), gone AS (
    DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE NOT again)) RETURNING *
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
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM mine)

-- name: put_off
-- $4 the slot in the tally, $5 how long each waits (NULL: due when it was), $6 what went wrong, $7 whether the attempt
-- is spent. The update does join, for each row has its own wait; `= ANY` keeps even its worst plan to these rows.
WITH mine AS MATERIALIZED (
    SELECT row.*, h.after, h.error, h.spent
    FROM unnest($1::uuid[], $2::int[], $3::int[], $5::interval[], $6::text[], $7::bool[])
        AS h (id, fence, rev, after, error, spent)
    CROSS JOIN LATERAL (
        SELECT id, rev <> h.rev AND NOT cancelled AS again, cancelled
        FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), gone AS (
    DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE cancelled))
), moved AS (
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, error = coalesce(mine.error, job.error),
        run_at = CASE WHEN mine.again OR mine.after IS NULL THEN job.run_at ELSE clock_timestamp() + mine.after END,
        attempts = CASE WHEN mine.again THEN 0 WHEN mine.spent THEN job.attempts ELSE greatest(job.attempts - 1, 0) END,
        rescues = CASE WHEN mine.again THEN 0 ELSE job.rescues END
    FROM mine WHERE job.id = mine.id AND job.id = ANY ($1) AND NOT mine.cancelled
    RETURNING job.queue, mine.spent
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, retried)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM moved WHERE spent GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET retried = t.retried + excluded.retried
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM mine)

-- name: bury
-- $4 the slot in the tally, $5 the reasons.
WITH mine AS MATERIALIZED (
    SELECT row.*, h.error FROM unnest($1::uuid[], $2::int[], $3::int[], $5::text[]) AS h (id, fence, rev, error)
    CROSS JOIN LATERAL (
        SELECT id, rev <> h.rev AND NOT cancelled AS again
        FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), again AS (
    -- Set again while it ran: not gone, but ready once more.
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, attempts = 0, rescues = 0, error = NULL
    WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE again))
), gone AS (
    DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE NOT again)) RETURNING *
), grave AS (
    INSERT INTO job_buried (id, tenant_id, queue, kind, key, priority, attempts, rescues, fence, args, error, pace, paced_lane)
    SELECT gone.id, tenant_id, queue, kind, key, priority, attempts, rescues, fence, args, mine.error,
           pace, CASE WHEN pace IS NOT NULL THEN lane END
    FROM gone JOIN mine USING (id) WHERE NOT gone.cancelled
    ON CONFLICT (id) DO UPDATE SET error = excluded.error, attempts = excluded.attempts, rescues = excluded.rescues,
        fence = excluded.fence, args = excluded.args, pace = excluded.pace, paced_lane = excluded.paced_lane,
        buried_at = clock_timestamp()
    RETURNING queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, buried)
    SELECT queue, date_trunc('minute', now()), $4, count(*) FROM grave GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET buried = t.buried + excluded.buried
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM mine)

-- name: extend
-- $3 the new lease. One that ran out stays lost, even if nobody has taken the job yet.
WITH mine AS MATERIALIZED (
    SELECT row.* FROM unnest($1::uuid[], $2::int[]) AS h (id, fence) CROSS JOIN LATERAL (
        SELECT id, lease_until FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), moved AS (
    -- A row is locked before the clock is read: its lease may run out while one waits for the lock.
    UPDATE job SET lease_until = clock_timestamp() + $3
    WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE lease_until > clock_timestamp()))
    RETURNING id
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM moved)

-- name: taken
-- $3 how often each had been rescued when it was claimed. LIMIT keeps it a look for each: joined, it may become a walk.
SELECT row.id FROM unnest($1::uuid[], $2::int[], $3::smallint[]) AS h (id, fence, rescues) CROSS JOIN LATERAL (
    SELECT id FROM job
    WHERE job.id = h.id AND (job.rescues > h.rescues OR (job.fence = h.fence AND job.state = 1)) LIMIT 1
) AS row

-- name: repeat
-- $4 the slot in the tally, $5 when each is due again. As in `put_off`, but the work is done and counts as such.
WITH mine AS MATERIALIZED (
    SELECT row.*, h.at
    FROM unnest($1::uuid[], $2::int[], $3::int[], $5::timestamptz[]) AS h (id, fence, rev, at)
    CROSS JOIN LATERAL (
        SELECT id, rev <> h.rev AND NOT cancelled AS again, cancelled
        FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), gone AS (
    DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM mine WHERE cancelled)) RETURNING queue
), moved AS (
    -- Not before now: claims have passed what is long due, and would come back to it only after a while.
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, error = NULL, attempts = 0, rescues = 0,
        run_at = CASE WHEN mine.again THEN job.run_at ELSE greatest(mine.at, clock_timestamp()) END
    FROM mine WHERE job.id = mine.id AND job.id = ANY ($1) AND NOT mine.cancelled
    RETURNING job.queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done)
    SELECT queue, date_trunc('minute', now()), $4, count(*)
    FROM (SELECT * FROM gone UNION ALL SELECT * FROM moved) AS done GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET done = t.done + excluded.done
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM mine)

-- name: mark
-- $3 the pace of each, $4 its lane. As in `put_off`.
WITH mine AS MATERIALIZED (
    SELECT row.id, h.pace, h.lane FROM unnest($1::uuid[], $2::int[], $3::text[], $4::smallint[]) AS h (id, fence, pace, lane)
    CROSS JOIN LATERAL (
        SELECT id FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
    ) AS row
), moved AS (
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL, attempts = greatest(job.attempts - 1, 0),
                   pace = mine.pace, lane = mine.lane
    FROM mine WHERE job.id = mine.id AND job.id = ANY ($1)
    RETURNING job.id
)
SELECT id FROM unnest($1) AS id WHERE id NOT IN (SELECT id FROM moved)
