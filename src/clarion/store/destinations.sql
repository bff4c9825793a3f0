-- name: let_go_expired
-- $1 names of limits, $2 how many at most, $3 the number of lanes. A job may keep to several limits: one of those is enough.
-- Its lane is that of its tenant again, as `job.lane_of` has it: the random end of the id, of which the lowest bits are enough.
WITH late AS MATERIALIZED (
    SELECT j.id FROM job j JOIN message m ON m.id = j.id
    WHERE j.queue = 'email' AND j.state = 0 AND j.pace IS NOT NULL AND string_to_array(j.pace, '+') && $1::text[]
      AND m.status = 'queued' AND m.expires_at <= clock_timestamp()
    LIMIT $2
), freed AS (
    UPDATE job SET pace = NULL, lane = get_byte(uuid_send(tenant_id), 15) % $3, run_at = now()
    WHERE id = ANY (ARRAY (SELECT job.id FROM job WHERE id IN (SELECT id FROM late) AND state = 0
                           ORDER BY id FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*) FROM freed
