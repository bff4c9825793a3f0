-- name: queues
-- Every queue that anything is known of. Names are found by skipping through an index from one to the next; only what
-- runs is looked through, which is never much.
WITH RECURSIVE ready AS (
    (SELECT queue FROM job WHERE state = 0 ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM ready CROSS JOIN LATERAL (
        SELECT queue FROM job WHERE state = 0 AND queue > ready.queue ORDER BY queue LIMIT 1
    ) AS next
), buried AS (
    (SELECT queue FROM job_buried ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM buried CROSS JOIN LATERAL (
        SELECT queue FROM job_buried WHERE queue > buried.queue ORDER BY queue LIMIT 1
    ) AS next
), tally AS (
    (SELECT queue FROM job_tally ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT next.queue FROM tally CROSS JOIN LATERAL (
        SELECT queue FROM job_tally WHERE queue > tally.queue ORDER BY queue LIMIT 1
    ) AS next
)
SELECT queue FROM ready UNION SELECT queue FROM buried UNION SELECT queue FROM tally
UNION SELECT queue FROM (SELECT queue FROM job WHERE state = 1 ORDER BY lease_until LIMIT $1) AS running
UNION SELECT name FROM queue
ORDER BY queue

-- name: counts
-- $1 queue, $2 how far to count, $3 how long the rates look back, $4 the first lane of paced jobs. Each priority and lane that exists is found by skipping,
-- and in each what is ready and what is due later are two ranges of the index: jobs of the future are not in the way of
-- counting what is ready, nor of finding the oldest.
WITH RECURSIVE place AS (
    (SELECT priority, lane FROM job WHERE state = 0 AND queue = $1 ORDER BY priority, lane LIMIT 1)
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT priority, lane FROM job
        WHERE state = 0 AND queue = $1 AND (priority, lane) > (place.priority, place.lane)
        ORDER BY priority, lane LIMIT 1
    ) AS next
), lately AS (
    SELECT date_trunc('minute', now()) - $3::interval + interval '1 minute' AS since
), rates AS (
    SELECT sum(done) AS done, sum(retried) AS retried, sum(buried) AS buried,
           extract(epoch FROM now() - min(since))::float8 AS seconds
    FROM lately LEFT JOIN job_tally ON queue = $1 AND minute >= since
)
SELECT
    (SELECT count(*) FROM (
        SELECT FROM place CROSS JOIN LATERAL (
            SELECT FROM job WHERE state = 0 AND queue = $1 AND priority = place.priority AND lane = place.lane
              AND run_at <= now() ORDER BY run_at LIMIT $2
        ) AS one LIMIT $2) AS counted) AS ready,
    (SELECT count(*) FROM (
        SELECT FROM place CROSS JOIN LATERAL (
            SELECT FROM job WHERE state = 0 AND queue = $1 AND priority = place.priority AND lane = place.lane
              AND run_at <= now() ORDER BY run_at LIMIT $2
        ) AS one WHERE place.lane >= $4 LIMIT $2) AS counted) AS paced,
    (SELECT count(*) FROM (
        SELECT FROM place CROSS JOIN LATERAL (
            SELECT FROM job WHERE state = 0 AND queue = $1 AND priority = place.priority AND lane = place.lane
              AND run_at > now() ORDER BY run_at LIMIT $2
        ) AS one LIMIT $2) AS counted) AS scheduled,
    (SELECT count(*) FILTER (WHERE queue = $1) FROM (
        SELECT queue FROM job WHERE state = 1 ORDER BY lease_until LIMIT $2) AS counted) AS running,
    (SELECT count(*) FROM (SELECT FROM job WHERE state = 1 ORDER BY lease_until LIMIT $2) AS counted) AS running_anywhere,
    (SELECT count(*) FROM (
        SELECT FROM job_buried WHERE queue = $1 ORDER BY buried_at LIMIT $2) AS counted) AS buried,
    (SELECT coalesce(sum(done), 0)::bigint FROM job_tally WHERE queue = $1) AS done,
    (SELECT now() - min(run_at) FROM place CROSS JOIN LATERAL (
        SELECT run_at FROM job WHERE state = 0 AND queue = $1 AND priority = place.priority AND lane = place.lane
          AND run_at <= now() ORDER BY run_at LIMIT 1
    ) AS oldest) AS oldest,
    coalesce(rates.done / rates.seconds, 0)::float8 AS done_per_second,
    coalesce(rates.retried / rates.seconds, 0)::float8 AS retried_per_second,
    coalesce(rates.buried / rates.seconds, 0)::float8 AS buried_per_second,
    EXISTS (SELECT FROM queue WHERE name = $1 AND paused_at IS NOT NULL) AS paused
FROM rates

-- name: totals
-- What the tally says and what it said before it was pruned, which moves from the one to the other in one transaction.
SELECT queue, sum(done)::bigint AS done, sum(retried)::bigint AS retried, sum(buried)::bigint AS buried
FROM (SELECT queue, done, retried, buried FROM job_tally UNION ALL SELECT queue, done, retried, buried FROM job_total) AS t
GROUP BY queue ORDER BY queue

-- name: paced
-- Due jobs of each pace, counted up to $1 in each queue and priority; paces are found by skipping from one to the next.
WITH RECURSIVE place AS (
    (SELECT queue, priority, pace FROM job WHERE state = 0 AND pace IS NOT NULL ORDER BY queue, priority, pace LIMIT 1)
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT queue, priority, pace FROM job
        WHERE state = 0 AND pace IS NOT NULL AND (queue, priority, pace) > (place.queue, place.priority, place.pace)
        ORDER BY queue, priority, pace LIMIT 1
    ) AS next
)
SELECT place.pace, sum(ready.number)::bigint AS number FROM place CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM job
        WHERE state = 0 AND pace IS NOT NULL AND queue = place.queue AND priority = place.priority AND pace = place.pace
          AND run_at <= now() ORDER BY run_at LIMIT $1
    ) AS counted
) AS ready
GROUP BY place.pace
