-- name: load
-- What taking further steps needs, of those that wait. What a trigger brought is fetched apart: it is shared by many.
SELECT r.id, r.tenant_id, r.trigger_id, r.workflow_version_id, r.recipient_id, r.step, p.id IS NOT NULL AS known,
       p.name, p.locale, p.timezone, p.data,
       c.email, c.phone
FROM run r
CROSS JOIN LATERAL (
    SELECT max(address) FILTER (WHERE channel = 'email') AS email, max(address) FILTER (WHERE channel = 'sms') AS phone
    FROM contact WHERE tenant_id = r.tenant_id AND recipient_id = r.recipient_id AND preferred
) AS c
LEFT JOIN recipient p ON p.tenant_id = r.tenant_id AND p.id = r.recipient_id
WHERE r.id = ANY ($1::uuid[]) AND r.id BETWEEN $2 AND $3 AND r.status = 'running'

-- name: move
-- $1 ids, in order, $2-$3 their bounds, $4 the new status, $5 the step at which they now wait (NULL: as it was), $6 slot.
-- Nobody waits for this commit to reach the disk: what is lost in a crash is found waiting still, with its job, and is done
-- again; a message of it that was sent has its intent on disk, and with it all that was committed before.
-- Why the bounds are subqueries is said with the `record` of messages.
WITH news AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $4::text[], $5::smallint[]) AS n (id, status, step)
), moved AS (
    UPDATE run r SET status = n.status, step = coalesce(n.step, r.step)
    FROM news n
    WHERE r.id = n.id AND r.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid) AND r.status = 'running'
      AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
    RETURNING r.id, r.trigger_id, r.tenant_id, r.status
), counted AS (
    INSERT INTO trigger_waiting AS t (trigger_id, slot, tenant_id, waiting)
    SELECT trigger_id, $6, tenant_id, -count(*) FROM moved WHERE status <> 'running'
    GROUP BY trigger_id, tenant_id ORDER BY trigger_id
    ON CONFLICT (trigger_id, slot) DO UPDATE SET waiting = t.waiting + excluded.waiting
)
SELECT id FROM moved

-- name: count
INSERT INTO trigger_waiting AS t (trigger_id, slot, tenant_id, waiting)
SELECT n.id, $4, n.tenant_id, n.waiting FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS n (id, tenant_id, waiting)
ORDER BY n.id
ON CONFLICT (trigger_id, slot) DO UPDATE SET waiting = t.waiting + excluded.waiting

-- name: waiting
SELECT trigger_id, sum(waiting)::bigint AS waiting FROM trigger_waiting WHERE trigger_id = ANY ($1::uuid[]) GROUP BY trigger_id

-- name: release
-- Triggers of which no run waits any more may be completed. Only once they are expanded: from then on none begins to wait,
-- so that what this statement sees as none stays none.
UPDATE trigger t SET waits = false
WHERE t.id = ANY ($1::uuid[]) AND t.waits AND t.status = 'running'
  AND coalesce((SELECT sum(w.waiting) FROM trigger_waiting w WHERE w.trigger_id = t.id), 0) = 0

-- name: marked
SELECT id FROM trigger WHERE status = 'running' AND waits AND id > $1 ORDER BY id LIMIT $2

-- name: waiting_of_trigger
SELECT id FROM run WHERE tenant_id = $1 AND trigger_id = $2 AND id > $3 AND status = 'running' ORDER BY id LIMIT $4

-- name: list
-- $1 tenant, $2-$3 before this trigger and run, $4 limit; then the filters, NULL for any. When a run goes on its job says;
-- the job of one that killed its workers is put away, and says nothing before it is redriven.
SELECT r.id, r.trigger_id, t.workflow_key, r.workflow_version_id, r.recipient_id, r.step, r.status, j.run_at AS resumes_at
FROM run r JOIN trigger t ON t.id = r.trigger_id LEFT JOIN job j ON j.id = r.id
WHERE r.tenant_id = $1 AND r.status = 'running' AND (r.trigger_id, r.id) < ($2::uuid, $3::uuid)
  AND ($5::uuid IS NULL OR r.trigger_id = $5) AND ($6::text IS NULL OR t.workflow_key = $6)
  AND ($7::text IS NULL OR r.recipient_id = $7)
ORDER BY r.trigger_id DESC, r.id DESC LIMIT $4

-- name: get
SELECT r.id, r.trigger_id, t.workflow_key, r.workflow_version_id, r.recipient_id, r.step, r.status, j.run_at AS resumes_at
FROM run r JOIN trigger t ON t.id = r.trigger_id LEFT JOIN job j ON j.id = r.id
WHERE r.tenant_id = $1 AND r.id = $2
