-- name: add
INSERT INTO provider_tally AS t (name, minute, calls, slow)
SELECT n.name, date_trunc('minute', clock_timestamp()), n.calls, n.slow
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (name, calls, slow) ORDER BY n.name COLLATE "C"
ON CONFLICT (name, minute) DO UPDATE SET calls = t.calls + excluded.calls, slow = t.slow + excluded.slow

-- name: add_failed
-- To the latest minute in which anybody counted calls: where nobody does, there is nothing to balance.
UPDATE provider_tally AS t SET failed = t.failed + n.failed
FROM (
    SELECT u.name, u.failed, (SELECT max(minute) FROM provider_tally WHERE name = u.name) AS minute
    FROM unnest($1::text[], $2::bigint[]) AS u (name, failed)
) AS n
WHERE t.name = n.name COLLATE "C" AND t.minute = n.minute

-- name: seen
SELECT name, sum(calls)::bigint AS calls, sum(slow)::bigint AS slow, sum(failed)::bigint AS failed FROM provider_tally
WHERE name = ANY ($1::text[]) AND minute > clock_timestamp() - $2::interval GROUP BY name

-- name: prune
DELETE FROM provider_tally WHERE minute < clock_timestamp() - interval '2 hours'

-- name: make
INSERT INTO balance (route, base, points) VALUES ($1, $2::jsonb, $2::jsonb) ON CONFLICT (route) DO NOTHING

-- name: lock
-- Locked first, and the clock is read after, as in breakers.sql.
WITH locked AS MATERIALIZED (SELECT * FROM balance WHERE route = $1 FOR UPDATE)
SELECT locked.*, clock_timestamp() AS now FROM locked

-- name: save
UPDATE balance SET base = $2::jsonb, points = $3::jsonb, moved_at = $4, reason = $5 WHERE route = $1

-- name: listed
SELECT * FROM balance WHERE points <> base ORDER BY route
