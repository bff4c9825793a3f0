-- name: prune_done
-- $1 how old, $2 at most how many. The queues are found by skipping through the index from one name to the next, so that
-- looking for old rows costs as much as there are old rows. SKIP LOCKED: what somebody else has in hand can wait.
WITH RECURSIVE name AS (
    (SELECT queue FROM job_done ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM name CROSS JOIN LATERAL (
        SELECT queue FROM job_done WHERE queue > name.queue ORDER BY queue LIMIT 1
    ) AS next
), gone AS (
    DELETE FROM job_done WHERE id = ANY (ARRAY (
        SELECT old.id FROM name CROSS JOIN LATERAL (
            SELECT id FROM job_done WHERE queue = name.queue AND done_at < now() - $1::interval
            ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS old LIMIT $2
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: clean_done
-- $1 queue, $2 how old, $3 tenant or NULL, $4 at most how many.
WITH gone AS (
    DELETE FROM job_done WHERE id = ANY (ARRAY (
        SELECT id FROM job_done
        WHERE queue = $1 AND done_at <= now() - $2::interval AND ($3::uuid IS NULL OR tenant_id = $3)
        ORDER BY done_at LIMIT $4 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: prune_buried
WITH RECURSIVE name AS (
    (SELECT queue FROM job_buried ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM name CROSS JOIN LATERAL (
        SELECT queue FROM job_buried WHERE queue > name.queue ORDER BY queue LIMIT 1
    ) AS next
), gone AS (
    DELETE FROM job_buried WHERE id = ANY (ARRAY (
        SELECT old.id FROM name CROSS JOIN LATERAL (
            SELECT id FROM job_buried WHERE queue = name.queue AND buried_at < now() - $1::interval
            ORDER BY buried_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS old LIMIT $2
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: prune_tally
-- A row is named by its ctid; it is locked, so it stays where it is. What it said is kept in the total of its queue.
WITH RECURSIVE name AS (
    (SELECT queue FROM job_tally ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM name CROSS JOIN LATERAL (
        SELECT queue FROM job_tally WHERE queue > name.queue ORDER BY queue LIMIT 1
    ) AS next
), gone AS (
    DELETE FROM job_tally WHERE ctid = ANY (ARRAY (
        SELECT old.ctid FROM name CROSS JOIN LATERAL (
            SELECT ctid FROM job_tally WHERE queue = name.queue AND minute < now() - $1::interval
            ORDER BY minute LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS old LIMIT $2
    )) RETURNING queue, done, retried, buried
), total AS (
    INSERT INTO job_total AS t (queue, done, retried, buried)
    SELECT queue, sum(done), sum(retried), sum(buried) FROM gone GROUP BY queue ORDER BY queue
    ON CONFLICT (queue) DO UPDATE
    SET done = t.done + excluded.done, retried = t.retried + excluded.retried, buried = t.buried + excluded.buried
)
SELECT count(*) FROM gone

-- name: compact_tally
-- Into slot 0 of the hour's first minute, which is never itself taken away. Nobody adds to rows this old but a settle
-- whose transaction began then, and what it adds is folded the next time.
WITH RECURSIVE name AS (
    (SELECT queue FROM job_tally ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM name CROSS JOIN LATERAL (
        SELECT queue FROM job_tally WHERE queue > name.queue ORDER BY queue LIMIT 1
    ) AS next
), gone AS (
    DELETE FROM job_tally WHERE ctid = ANY (ARRAY (
        SELECT old.ctid FROM name CROSS JOIN LATERAL (
            SELECT ctid FROM job_tally
            WHERE queue = name.queue AND minute < date_trunc('hour', now() - $1::interval, 'UTC')
              AND NOT (slot = 0 AND minute = date_trunc('hour', minute, 'UTC'))
            ORDER BY minute LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS old LIMIT $2
    )) RETURNING queue, date_trunc('hour', minute, 'UTC') AS hour, done, retried, buried
), hourly AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done, retried, buried)
    SELECT queue, hour, 0, sum(done), sum(retried), sum(buried) FROM gone GROUP BY queue, hour ORDER BY queue, hour
    ON CONFLICT (queue, minute, slot) DO UPDATE
    SET done = t.done + excluded.done, retried = t.retried + excluded.retried, buried = t.buried + excluded.buried
)
SELECT count(*) FROM gone

-- name: count_done
SELECT count(*) FROM job_done WHERE done_at < now() - $1::interval

-- name: count_buried
SELECT count(*) FROM job_buried WHERE buried_at < now() - $1::interval
