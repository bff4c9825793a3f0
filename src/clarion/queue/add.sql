-- name: insert
INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key, args, fence, pace)
VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp()), $8, $9, $10, $11)

-- name: set
-- Left running if it runs: the higher rev makes the settle give it back instead of deleting it.
INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key, args)
VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp()), $8, $9)
ON CONFLICT (tenant_id, queue, key) WHERE key IS NOT NULL DO UPDATE
SET run_at = excluded.run_at, args = excluded.args, kind = excluded.kind, priority = excluded.priority,
    rev = job.rev + 1, cancelled = false, attempts = CASE WHEN job.state = 1 THEN job.attempts ELSE 0 END, error = NULL
RETURNING id

-- name: set_many
-- The same for many, as columns: $1 ids, in whose order rows are locked, as settles and heartbeats do; $10 fences.
-- Those that are there are locked first, by id. Without that, what looks for the key reads a page of its index and then the
-- rows: one that a claim or a heartbeat moved in between, to a place that was not on the page yet, is not seen to have the
-- key, is inserted once more, and fails for its id, which is not the arbiter. A row that is locked is moved by nobody.
WITH there AS MATERIALIZED (
    SELECT row.id FROM unnest($1::uuid[]) AS h (id) CROSS JOIN LATERAL (
        SELECT id FROM job WHERE job.id = h.id FOR UPDATE
    ) AS row
)
INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key, args, fence)
SELECT g.id, g.tenant_id, g.queue, g.kind, g.priority, g.lane, greatest(g.run_at, clock_timestamp()), g.key, g.args,
       g.fence
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::smallint[], $7::timestamptz[],
            $8::text[], $9::jsonb[], $10::int[])
    AS g (id, tenant_id, queue, kind, priority, lane, run_at, key, args, fence)
WHERE (SELECT count(*) FROM there) >= 0 -- before the first is inserted
ORDER BY g.id
ON CONFLICT (tenant_id, queue, key) WHERE key IS NOT NULL DO UPDATE
SET run_at = excluded.run_at, args = excluded.args, kind = excluded.kind, priority = excluded.priority,
    rev = job.rev + 1, cancelled = false, attempts = CASE WHEN job.state = 1 THEN job.attempts ELSE 0 END, error = NULL

-- name: cancel
-- Named by id rather than joined: a join may be planned, while the table is empty, as a walk through all of it.
WITH target AS MATERIALIZED (
    SELECT id, state FROM job WHERE tenant_id = $1 AND queue = $2 AND key = $3 FOR UPDATE
), gone AS (
    DELETE FROM job WHERE id = (SELECT id FROM target WHERE state = 0) RETURNING id
), marked AS (
    UPDATE job SET cancelled = true WHERE id = (SELECT id FROM target WHERE state = 1) RETURNING id
)
SELECT CASE WHEN EXISTS (SELECT FROM gone) THEN 'cancelled'
            WHEN EXISTS (SELECT FROM marked) THEN 'cancelling'
            ELSE 'too_late' END
