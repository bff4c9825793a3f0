-- name: pause
INSERT INTO queue (name, paused_at) VALUES ($1, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at WHERE queue.paused_at IS NULL
RETURNING true

-- name: resume
UPDATE queue SET paused_at = NULL WHERE name = $1 AND paused_at IS NOT NULL RETURNING true

-- name: paused
SELECT name FROM queue WHERE paused_at IS NOT NULL
