-- name: make
INSERT INTO destination (name) VALUES ($1) ON CONFLICT (name) DO NOTHING

-- name: lock
-- Locked first, and the clock is read after, as in breakers.sql.
WITH locked AS MATERIALIZED (SELECT * FROM destination WHERE name = $1 FOR UPDATE)
SELECT locked.*, clock_timestamp() AS now FROM locked

-- name: save
UPDATE destination
SET since = $2, per_second = $3, until = $4, reason = $5, parked = $6, paced_at = $7, window_at = $8, put_off = $9, taken = $10
WHERE name = $1

-- name: listed
SELECT d.*, clock_timestamp() AS now FROM destination d WHERE starts_with(name, $1) AND per_second IS NOT NULL ORDER BY name

-- name: idle
SELECT d.*, clock_timestamp() AS now FROM destination d WHERE paced_at < clock_timestamp() - $1::interval

-- name: forget
DELETE FROM destination WHERE name = ANY ($1::text[])
