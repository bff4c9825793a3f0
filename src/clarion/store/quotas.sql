-- name: all
SELECT tenant_id, max_waiting, recipients_a_day FROM tenant_quota

-- name: put
INSERT INTO tenant_quota (tenant_id, max_waiting, recipients_a_day) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE
SET max_waiting = excluded.max_waiting, recipients_a_day = excluded.recipients_a_day

-- name: lift
DELETE FROM tenant_quota WHERE tenant_id = $1

-- name: waiting
-- $1 tenant, $2 its lane, $3 the queues that messages wait in, $4 how many rows of one lane are looked at. The jobs of a tenant
-- are in its lane, or under paces that name it or are everybody's; of a trigger that is not all expanded yet, the
-- recipients to come wait too, by one job.
WITH RECURSIVE place AS (
    (SELECT queue, priority FROM job WHERE state = 0 ORDER BY queue, priority LIMIT 1)
    UNION ALL
    SELECT next.* FROM place CROSS JOIN LATERAL (
        SELECT queue, priority FROM job
        WHERE state = 0 AND (queue, priority) > (place.queue, place.priority) ORDER BY queue, priority LIMIT 1
    ) AS next
), paced AS (
    (SELECT queue, priority, pace FROM job WHERE state = 0 AND pace IS NOT NULL ORDER BY queue, priority, pace LIMIT 1)
    UNION ALL
    SELECT next.* FROM paced CROSS JOIN LATERAL (
        SELECT queue, priority, pace FROM job
        WHERE state = 0 AND pace IS NOT NULL AND (queue, priority, pace) > (paced.queue, paced.priority, paced.pace)
        ORDER BY queue, priority, pace LIMIT 1
    ) AS next
), waits AS MATERIALIZED (
    SELECT one.id, one.kind FROM place CROSS JOIN LATERAL (
        SELECT id, kind, tenant_id FROM job
        WHERE state = 0 AND queue = place.queue AND priority = place.priority AND lane = $2 ORDER BY run_at LIMIT $4
    ) AS one
    WHERE place.queue = ANY ($3::text[]) AND one.tenant_id = $1
    UNION ALL
    SELECT one.id, one.kind FROM paced CROSS JOIN LATERAL (
        SELECT id, kind, tenant_id FROM job
        WHERE state = 0 AND pace IS NOT NULL AND queue = paced.queue AND priority = paced.priority AND pace = paced.pace
        ORDER BY run_at LIMIT $4
    ) AS one
    WHERE paced.queue = ANY ($3::text[]) AND one.tenant_id = $1
      AND (strpos(paced.pace, $1::text) > 0 OR strpos(paced.pace, 'category:') > 0)
)
SELECT count(*) FILTER (WHERE t.id IS NULL) + coalesce(sum(greatest(t.total - t.expanded, 1)) FILTER (WHERE t.id IS NOT NULL), 0)::bigint
FROM waits LEFT JOIN LATERAL (
    SELECT id, total, expanded FROM trigger WHERE waits.kind = 'expand' AND trigger.id = waits.id
) AS t ON true

-- name: reached
-- Recipients that triggers name whose ids are $2 or later, and how many of them in those before $3; none of the sandbox.
SELECT coalesce(sum(total), 0)::bigint AS "all", coalesce(sum(total) FILTER (WHERE id < $3), 0)::bigint AS settled
FROM trigger WHERE tenant_id = $1 AND id >= $2 AND NOT sandbox

-- name: members
SELECT coalesce(sum(member_count), 0)::bigint FROM topic WHERE tenant_id = $1 AND key = ANY ($2::text[])
