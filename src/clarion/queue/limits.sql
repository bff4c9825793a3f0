-- name: define
-- A new pace does not wait for the slots of the old one, but for those that may just have been given: a second's.
INSERT INTO rate_limit AS l (name, per_second, burst, set_by, reserve) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE
SET per_second = excluded.per_second, burst = excluded.burst, set_by = excluded.set_by, reserve = excluded.reserve,
    next_at = CASE WHEN l.per_second = excluded.per_second THEN l.next_at
                   ELSE least(l.next_at, clock_timestamp() + interval '1 s') END,
    urgent_at = least(l.urgent_at, clock_timestamp() + interval '1 s')
WHERE (l.per_second, l.burst, l.set_by, l.reserve)
      IS DISTINCT FROM (excluded.per_second, excluded.burst, excluded.set_by, excluded.reserve)
  AND NOT ($4 = 'settings' AND l.set_by = 'hand')

-- name: drop
DELETE FROM rate_limit WHERE name = $1

-- name: free
WITH paused AS (
    UPDATE rate_limit SET per_second = 'Infinity', burst = 1, reserve = 0, set_by = 'pause'
    WHERE name = $1 AND per_second < 'Infinity' AND paused_until > now() RETURNING name
), gone AS (
    DELETE FROM rate_limit
    WHERE name = $1 AND per_second < 'Infinity' AND (paused_until IS NULL OR paused_until <= now()) RETURNING name
)
SELECT true FROM (SELECT FROM paused UNION ALL SELECT FROM gone) AS freed

-- name: find
SELECT name, per_second, burst, set_by, reserve FROM rate_limit WHERE name = ANY ($1::text[]) AND per_second < 'Infinity'

-- name: of
SELECT name FROM rate_limit WHERE set_by = $1 AND per_second < 'Infinity'

-- name: listed
-- $1 kinds, $2 whose: limits whose name begins with one of $3 are told to their owner alone; NULL sees all. $4 how many, $5 the only one.
SELECT name, nullif(per_second, 'Infinity') AS per_second, burst, reserve, set_by,
       CASE WHEN paused_until > now() THEN paused_until END AS paused_until,
       CASE WHEN paused_until > now() THEN reason END AS reason
FROM rate_limit
WHERE split_part(name, ':', 1) = ANY ($1::text[]) AND (per_second < 'Infinity' OR paused_until > now())
  AND ($2::text IS NULL OR split_part(name, ':', 1) <> ALL ($3::text[])
       OR split_part(split_part(name, ':', 2), '/', 1) = $2)
  AND ($5::text IS NULL OR name = $5)
ORDER BY name LIMIT $4

-- name: known
-- $1 kinds, $2 who sets the limits of workflows: of these there may be thousands, and that there is one is enough. $3 those
-- of $1 that are told of apart.
SELECT coalesce(array_agg(name) FILTER (WHERE split_part(name, ':', 1) = ANY ($1::text[])), '{}') AS named,
       count(*) FILTER (WHERE split_part(name, ':', 1) <> ALL ($3::text[])) > 0 AS marks,
       count(*) FILTER (WHERE split_part(name, ':', 1) = ANY ($3)) > 0 AS apart
FROM rate_limit WHERE per_second < 'Infinity' AND (set_by = $2 OR split_part(name, ':', 1) = ANY ($1))

-- name: reserve
-- $1 names, $2 how many slots, $3 within what time, $4 whether they are urgent. The rows are locked first, in the order of
-- their names, and the clock is read after: read before, it would be early by the wait for the lock. Slots lie `gap` apart;
-- the first is at `tat` less what the burst allows, and counts from `tat`, the time at which the pace would be at rest.
-- Where a part is kept for the urgent there are two paces in one, each with a clock of its own: that part, for them alone,
-- and the rest, for all. Together they are never more than the whole. The urgent take whichever is free first.
-- Where one pace makes another wait, what the slowest had free meanwhile is lost: used then, it would come all at once.
WITH quick AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) AS off
), locked AS MATERIALIZED (
    SELECT rate_limit.* FROM rate_limit, quick WHERE name = ANY ($1::text[]) AND off IS NOT NULL
    ORDER BY name FOR UPDATE OF rate_limit
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM locked) AS all_of_them
), each AS MATERIALIZED (
    SELECT name, at, kept, rate, 1 / rate AS gap, tat, extract(epoch FROM tat - at)::float8 - (most - 1) / rate AS first,
           CASE WHEN paused_until > at THEN paused_until - at END AS pause, reason
    FROM locked CROSS JOIN clock CROSS JOIN LATERAL (
        SELECT false AS kept, per_second * (1 - reserve) AS rate, burst AS most, greatest(next_at, at) AS tat
        UNION ALL
        SELECT true, per_second * reserve, 1, greatest(urgent_at, at) WHERE $4::bool AND reserve > 0
        ORDER BY tat, kept DESC LIMIT 1
    ) AS whose
), pace AS MATERIALIZED (
    SELECT name, kept, rate, gap, pause, reason,
           CASE WHEN held_up THEN greatest(tat, at + make_interval(secs => start)) ELSE tat END AS tat,
           CASE WHEN held_up THEN start ELSE first END AS first
    FROM each CROSS JOIN (SELECT max(first) AS start, max(gap) AS slowest FROM each) AS all_of_them CROSS JOIN LATERAL (
        SELECT start > 0 AND first < start AND gap = slowest AND pause IS NULL AS held_up
    ) AS that
), room AS MATERIALIZED (
    SELECT *, CASE WHEN pause IS NOT NULL THEN 0
                   WHEN rate = 'Infinity' THEN $2::int
                   ELSE least($2::int, greatest(0, 1 + floor((ahead - first) * rate + 0.000001)))
              END::int AS slots
    FROM pace CROSS JOIN LATERAL (
        SELECT extract(epoch FROM $3::interval)::float8 AS within
    ) AS h CROSS JOIN LATERAL (
        SELECT CASE WHEN $4 THEN greatest(within, least(within + gap, 2)) ELSE within END AS ahead
    ) AS further
), answer AS MATERIALIZED (
    SELECT coalesce(min(slots), $2::int) AS granted FROM room
), moved AS (
    UPDATE rate_limit
    SET next_at = CASE WHEN kept THEN next_at ELSE room.tat + make_interval(secs => answer.granted * room.gap) END,
        urgent_at = CASE WHEN kept THEN room.tat + make_interval(secs => answer.granted * room.gap) ELSE urgent_at END
    FROM room, answer
    WHERE rate_limit.name = room.name AND rate_limit.name = ANY ($1) AND answer.granted > 0
      AND room.rate < 'Infinity'
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
