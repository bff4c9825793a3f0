-- name: define
-- A new pace does not wait for the slots of the old one, but for those that may just have been given: a second's.
INSERT INTO rate_limit AS l (name, per_second, burst, set_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE
SET per_second = excluded.per_second, burst = excluded.burst, set_by = excluded.set_by,
    next_at = CASE WHEN l.per_second = excluded.per_second THEN l.next_at
                   ELSE least(l.next_at, clock_timestamp() + interval '1 s') END
WHERE (l.per_second, l.burst, l.set_by) IS DISTINCT FROM (excluded.per_second, excluded.burst, excluded.set_by)
  AND NOT ($4 = 'settings' AND l.set_by = 'hand')

-- name: drop
DELETE FROM rate_limit WHERE name = $1

-- name: free
WITH paused AS (
    UPDATE rate_limit SET per_second = 'Infinity', burst = 1, set_by = 'pause'
    WHERE name = $1 AND per_second < 'Infinity' AND paused_until > now() RETURNING name
), gone AS (
    DELETE FROM rate_limit
    WHERE name = $1 AND per_second < 'Infinity' AND (paused_until IS NULL OR paused_until <= now()) RETURNING name
)
SELECT true FROM (SELECT FROM paused UNION ALL SELECT FROM gone) AS freed

-- name: find
SELECT name, per_second, burst, set_by FROM rate_limit WHERE name = ANY ($1::text[]) AND per_second < 'Infinity'

-- name: of
SELECT name FROM rate_limit WHERE set_by = $1 AND per_second < 'Infinity'

-- name: any_workflow
SELECT EXISTS (SELECT FROM rate_limit WHERE set_by = 'workflow')

-- name: reserve
-- $1 names, $2 how many slots, $3 within what time. The rows are locked first, in the order of their names, and the clock
-- is read after: read before, it would be early by the wait for the lock. Slots lie `gap` apart; the first is at `tat`
-- less what the burst allows, and counts from `tat`, the time at which the pace would be at rest.
WITH quick AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) AS off
), locked AS MATERIALIZED (
    SELECT rate_limit.* FROM rate_limit, quick WHERE name = ANY ($1::text[]) AND off IS NOT NULL
    ORDER BY name FOR UPDATE OF rate_limit
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM locked) AS all_of_them
), pace AS MATERIALIZED (
    SELECT name, at, per_second, 1 / per_second AS gap, greatest(next_at, at) AS tat,
           extract(epoch FROM greatest(next_at, at) - at)::float8 - (burst - 1) / per_second AS first,
           CASE WHEN paused_until > at THEN paused_until - at END AS pause, reason
    FROM locked, clock
), room AS MATERIALIZED (
    SELECT *, CASE WHEN pause IS NOT NULL THEN 0
                   WHEN per_second = 'Infinity' THEN $2::int
                   ELSE least($2::int, greatest(0, 1 + floor((within - first) * per_second + 0.000001)))
              END::int AS slots
    FROM pace, (SELECT extract(epoch FROM $3::interval)::float8 AS within) AS h
), answer AS MATERIALIZED (
    SELECT coalesce(min(slots), $2::int) AS granted FROM room
), moved AS (
    UPDATE rate_limit SET next_at = room.tat + make_interval(secs => answer.granted * room.gap)
    FROM room, answer
    WHERE rate_limit.name = room.name AND rate_limit.name = ANY ($1) AND answer.granted > 0
      AND room.per_second < 'Infinity'
)
SELECT clock.at, granted,
       (SELECT coalesce(array_agg(first), '{}') FROM room) AS firsts,
       (SELECT coalesce(array_agg(gap), '{}') FROM room) AS gaps,
       -- Ask again when half the horizon is free: often enough to leave no slot unused, seldom enough for batches.
       (SELECT max(coalesce(pause, make_interval(secs => first - within / 2)))
        FROM room WHERE slots = 0) AS wait,
       (SELECT reason FROM room WHERE pause IS NOT NULL ORDER BY pause DESC LIMIT 1) AS reason
FROM clock, answer

-- name: pause
-- A name without a pace gets an endless one.
INSERT INTO rate_limit AS l (name, per_second, set_by, paused_until, reason)
VALUES ($1, 'Infinity', 'pause', clock_timestamp() + $2::interval, $3)
ON CONFLICT (name) DO UPDATE
SET paused_until = greatest(l.paused_until, excluded.paused_until),
    reason = CASE WHEN l.paused_until >= excluded.paused_until THEN l.reason ELSE excluded.reason END
RETURNING paused_until

-- name: lift
UPDATE rate_limit SET paused_until = NULL, reason = NULL WHERE name = $1 AND paused_until > now() RETURNING true

-- name: paused
SELECT name, paused_until - clock_timestamp() AS wait, reason FROM rate_limit
WHERE name = ANY ($1::text[]) AND paused_until > clock_timestamp()
