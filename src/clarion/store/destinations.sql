-- name: let_go_expired
-- $1 names of limits, $2 how many at most, $3 the number of lanes, $4 the queue. A job may keep to several limits: one of those is enough.
-- Paces that have jobs are found by skipping from one to the next, as in paced.sql; of each only the first are looked at: they
-- have waited for longest, and a million behind them cost nothing.
-- Its lane is that of its tenant again, as `job.lane_of` has it: the random end of the id, of which the lowest bits are enough.
WITH RECURSIVE place AS (
    SELECT first.* FROM generate_series(0, 3) AS p (priority) CROSS JOIN LATERAL (
        SELECT priority, pace FROM job
        WHERE queue = $4 AND state = 0 AND pace IS NOT NULL AND priority = p.priority
        ORDER BY pace LIMIT 1
    ) AS first
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT priority, pace FROM job
        WHERE queue = $4 AND state = 0 AND pace IS NOT NULL AND priority = place.priority AND pace > place.pace
        ORDER BY pace LIMIT 1
    ) AS next
), late AS MATERIALIZED (
    SELECT j.id FROM place CROSS JOIN LATERAL (
        SELECT job.id FROM job
        WHERE queue = $4 AND state = 0 AND priority = place.priority AND pace = place.pace AND run_at <= now()
        ORDER BY run_at, job.id LIMIT $2
    ) AS j CROSS JOIN LATERAL (
        SELECT FROM message m WHERE m.id = j.id AND m.status = 'queued' AND m.expires_at <= clock_timestamp() LIMIT 1
    ) AS m
    WHERE string_to_array(place.pace, '+') && $1::text[]
    LIMIT $2
), freed AS (
    UPDATE job SET pace = NULL, lane = get_byte(uuid_send(tenant_id), 15) % $3, run_at = now()
    WHERE id = ANY (ARRAY (
        SELECT job.id FROM job WHERE id = ANY (ARRAY (SELECT id FROM late)) AND state = 0
        ORDER BY id FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
)
SELECT count(*) FROM freed
