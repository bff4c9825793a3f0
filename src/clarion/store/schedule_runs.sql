-- name: add
-- $1 ids, $2 tenants, $3 keys, $4 nominal times, $5 when they were due, $6 how many were passed over. What has run is left.
INSERT INTO schedule_run (id, tenant_id, schedule_key, nominal_at, due_at, passed_over, manual)
SELECT * , false FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[])
ON CONFLICT (tenant_id, schedule_key, nominal_at) WHERE NOT manual DO NOTHING
RETURNING id

-- name: add_manual
INSERT INTO schedule_run (id, tenant_id, schedule_key, nominal_at, due_at, manual)
SELECT $1, $2, $3, now, now, true FROM clock_timestamp() AS now
RETURNING *

-- name: hold
SELECT * FROM schedule_run WHERE id = ANY ($1::uuid[]) AND status = 'pending' ORDER BY id FOR UPDATE

-- name: record
-- $1 ids, $2 statuses, $3 errors, $4 results.
UPDATE schedule_run SET status = h.status, error = h.error, result = h.result, ran_at = clock_timestamp()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[]) AS h (id, status, error, result)
WHERE schedule_run.id = h.id AND schedule_run.id = ANY ($1)

-- name: get
SELECT * FROM schedule_run WHERE tenant_id = $1 AND id = $2

-- name: list
-- Newest first.
SELECT * FROM schedule_run WHERE tenant_id = $1 AND schedule_key = $2 AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
