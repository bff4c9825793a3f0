-- name: hurry
UPDATE job SET run_at = clock_timestamp() WHERE id = ANY (ARRAY (
    SELECT id FROM job WHERE id = ANY ($1::uuid[]) AND state = 0 AND run_at > clock_timestamp() ORDER BY id FOR UPDATE
)) RETURNING id
