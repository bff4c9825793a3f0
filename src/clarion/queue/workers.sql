-- name: seen
-- $1 id, $2 host, $3 process id, $4 queues.
INSERT INTO worker (id, host, pid, queues) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET queues = excluded.queues, seen_at = clock_timestamp()

-- name: leave
DELETE FROM worker WHERE id = $1

-- name: living
-- $1 how long ago the last sign may be.
SELECT id, host, pid, queues, started_at, seen_at FROM worker
WHERE seen_at > clock_timestamp() - $1::interval ORDER BY started_at, id

-- name: prune
-- Several may prune at once: none waits for another.
WITH gone AS (
    DELETE FROM worker WHERE id = ANY (ARRAY (
        SELECT id FROM worker WHERE seen_at < now() - $1::interval FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone
