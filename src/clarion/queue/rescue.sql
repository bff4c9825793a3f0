-- name: cut_off
-- $1 how long. Frozen between the messages of one statement, a session counts as active, and no time limit of PostgreSQL's
-- before version 17 ends it; so it is known by what it waits for.
WITH silent AS MATERIALIZED (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND application_name = current_setting('application_name')
      AND xact_start IS NOT NULL AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - $1::interval
)
SELECT pid FROM silent WHERE pg_terminate_backend(pid)

-- name: rescue
-- $1 how many at most, $2 POISON. Apart from claiming, for an OR with it would scan a million rows. The bound is now(), which an index can use; a lease
-- renewed since then does not match any more when its row is locked.
WITH expired AS MATERIALIZED (
    SELECT id, worker, queue, rescues, cancelled FROM job WHERE state = 1 AND lease_until <= now()
    ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
), spared AS (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY worker, queue ORDER BY id) FROM expired WHERE rescues = $2 - 1
    ) AS suspect WHERE row_number > 1
), back AS (
    UPDATE job SET state = 0, lease_until = NULL, worker = NULL,
        rescues = CASE WHEN id = ANY (ARRAY (SELECT id FROM spared)) THEN rescues ELSE least(rescues + 1, 32767) END
    WHERE id = ANY (ARRAY (SELECT id FROM expired WHERE NOT cancelled))
    RETURNING id, tenant_id, queue, kind, rescues
), gone AS (
    DELETE FROM job WHERE id = ANY (ARRAY (SELECT id FROM expired WHERE cancelled))
    RETURNING id, tenant_id, queue, kind, least(rescues + 1, 32767)::smallint AS rescues
), moved AS (
    SELECT * FROM back UNION ALL SELECT * FROM gone
)
SELECT id, moved.tenant_id, moved.queue, moved.kind, expired.worker, moved.rescues, expired.cancelled
FROM moved JOIN expired USING (id)
