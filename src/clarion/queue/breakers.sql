-- name: states
-- What decides whether an account may be used. The time is the database's.
SELECT b.*, clock_timestamp() AS now FROM breaker b WHERE name = ANY ($1::text[])

-- name: make
INSERT INTO breaker (name) VALUES ($1) ON CONFLICT (name) DO NOTHING

-- name: lock
-- Locked first, and the clock is read after: what is decided here must not be decided by a time that is past.
WITH locked AS MATERIALIZED (SELECT * FROM breaker WHERE name = $1 FOR UPDATE)
SELECT locked.*, clock_timestamp() AS now FROM locked

-- name: save
UPDATE breaker
SET state = $2, since = $3, until = $4, reason = $5, opened = $6, probe = $7, window_at = $8,
    calls = $9, failures = $10, slow = $11, last_failure = $12
WHERE name = $1
