-- name: hurry
UPDATE job SET run_at = clock_timestamp() WHERE id = ANY (ARRAY (
    SELECT id FROM job WHERE id = ANY ($1::uuid[]) AND state = 0 AND run_at > clock_timestamp() ORDER BY id FOR UPDATE
)) RETURNING id

-- name: hurry_waiting
-- $1 the queue, $2 what stands in the reason of those that wait, $3 how far ahead they may be due, $4 when they are due instead,
-- $5 how many at most. Who holds one is not waited for: it has looked just now.
WITH moved AS (
    UPDATE job SET run_at = clock_timestamp() + $4::interval WHERE id = ANY (ARRAY (
        SELECT id FROM job
        WHERE queue = $1 AND state = 0 AND run_at > clock_timestamp() + $4::interval
          AND run_at < clock_timestamp() + $3::interval AND position($2 IN error) > 0
        ORDER BY id LIMIT $5 FOR UPDATE SKIP LOCKED
    )) RETURNING id
)
SELECT count(*) FROM moved
