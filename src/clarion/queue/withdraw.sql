-- name: withdraw
-- Rows that somebody has claimed are left to them: a claim in progress is skipped, not waited for.
DELETE FROM job WHERE id = ANY (ARRAY (
    SELECT id FROM job WHERE id = ANY ($1::uuid[]) AND state = 0 ORDER BY id FOR UPDATE SKIP LOCKED
)) RETURNING id

-- name: drop
DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM job WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE))
