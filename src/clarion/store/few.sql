-- name: insert
-- $1 runs, $2 messages, $3 jobs: each a JSON array of arrays, the columns in the order of COPY.
WITH new_run AS (
    INSERT INTO run (id, tenant_id, trigger_id, workflow_version_id, recipient_id, step, status)
    SELECT (r ->> 0)::uuid, (r ->> 1)::uuid, (r ->> 2)::uuid, (r ->> 3)::uuid, r ->> 4, (r ->> 5)::smallint, r ->> 6
    FROM jsonb_array_elements($1::text::jsonb) AS r
), new_message AS (
    INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status,
                         workflow_key, recipient_id, address, reason, ended_at)
    SELECT (m ->> 0)::uuid, (m ->> 1)::uuid, (m ->> 2)::uuid, (m ->> 3)::uuid, (m ->> 4)::timestamptz, (m ->> 5)::smallint,
           m ->> 6, m ->> 7, m ->> 8, m ->> 9, m ->> 10, m ->> 11, (m ->> 12)::timestamptz
    FROM jsonb_array_elements($2::text::jsonb) AS m
)
INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key, args, pace)
SELECT (j ->> 0)::uuid, (j ->> 1)::uuid, j ->> 2, j ->> 3, (j ->> 4)::smallint, (j ->> 5)::smallint, (j ->> 6)::timestamptz,
       j ->> 7, nullif(j -> 8, 'null'), j ->> 9
FROM jsonb_array_elements($3::text::jsonb) AS j
