-- name: next
-- $1 queue, $2-$3 all lanes of all priorities, $4 how long ago the last look was. One probe a lane, whatever waits.
SELECT min(work.run_at) - clock_timestamp()
FROM unnest($2::smallint[], $3::smallint[]) AS l (priority, number)
CROSS JOIN LATERAL (
    SELECT run_at FROM job
    WHERE queue = $1 AND state = 0 AND priority = l.priority AND lane = l.number AND run_at > now() - $4::interval
    ORDER BY run_at, id LIMIT 1
) AS work
WHERE NOT EXISTS (SELECT FROM queue WHERE name = $1 AND paused_at IS NOT NULL)
