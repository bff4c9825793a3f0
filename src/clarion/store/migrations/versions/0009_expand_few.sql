-- What expanding a few small triggers to their end writes, in one round trip where it were nine: their jobs leave, their
-- cursors move, and runs, messages and jobs are there. A lone trigger beside a busy worker waits its turn for each.
-- Rows come as JSON arrays of arrays, the columns in the order of COPY. Jobs in the queues *open*, where those are not paused,
-- and that have no pace to keep to, are added as claimed, as a first claim would leave them; their ids are the answer. Raises CL001 when a job is no longer
-- ours and CL002 when a trigger is not as it was: then nothing is written.
-- Versions of Clarion run side by side: a change of this is a new function with the next number.
CREATE FUNCTION expand_few_1(
    jobs uuid[], fences integer[], behind text[], cursors text[], more bigint[], count_slot smallint,
    new_runs jsonb, new_messages jsonb, new_jobs jsonb, open text[], worker_name text, lease interval, OUT claimed uuid[]
) LANGUAGE plpgsql AS $$
DECLARE
    done integer;
BEGIN
    -- Nobody waits for this commit to reach the disk, as for any page: see `expanded` in triggers.sql.
    PERFORM set_config('synchronous_commit', 'off', true);

    WITH mine AS (
        DELETE FROM job WHERE id = ANY (ARRAY (
            SELECT row.id FROM unnest(jobs, fences) AS h (id, fence) CROSS JOIN LATERAL (
                SELECT id FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
            ) AS row
        ))
        RETURNING id, queue
    ), tally AS (
        INSERT INTO job_tally AS t (queue, minute, slot, done)
        SELECT queue, date_trunc('minute', now()), count_slot, count(*) FROM mine GROUP BY queue
        ON CONFLICT ON CONSTRAINT job_tally_pkey DO UPDATE SET done = t.done + excluded.done
    )
    SELECT count(*) INTO done FROM mine;
    IF done < cardinality(jobs) THEN
        RAISE EXCEPTION 'a job is no longer ours' USING ERRCODE = 'CL001';
    END IF;

    UPDATE trigger t
    SET cursor = n.cursor, expanded = t.expanded + n.more, total = t.expanded + n.more, status = 'running',
        expanded_at = clock_timestamp()
    FROM unnest(jobs, behind, cursors, more) AS n (id, behind, cursor, more)
    WHERE t.id = n.id AND t.status IN ('accepted', 'expanding') AND t.cursor = n.behind;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done < cardinality(jobs) THEN
        RAISE EXCEPTION 'a trigger is not as it was' USING ERRCODE = 'CL002';
    END IF;

    INSERT INTO run (id, tenant_id, trigger_id, workflow_version_id, recipient_id, step, status)
    SELECT (r ->> 0)::uuid, (r ->> 1)::uuid, (r ->> 2)::uuid, (r ->> 3)::uuid, r ->> 4, (r ->> 5)::smallint, r ->> 6
    FROM jsonb_array_elements(new_runs) AS r;

    WITH message AS (
        INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status,
                             workflow_key, recipient_id, address, reason, ended_at)
        SELECT (m ->> 0)::uuid, (m ->> 1)::uuid, (m ->> 2)::uuid, (m ->> 3)::uuid, (m ->> 4)::timestamptz,
               (m ->> 5)::smallint, m ->> 6, m ->> 7, m ->> 8, m ->> 9, m ->> 10, m ->> 11, (m ->> 12)::timestamptz
        FROM jsonb_array_elements(new_messages) AS m
        RETURNING trigger_id, channel, tenant_id, status
    )
    INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, queued, skipped)
    SELECT trigger_id, channel, count_slot, tenant_id, count(*) FILTER (WHERE status = 'queued'),
           count(*) FILTER (WHERE status = 'skipped')
    FROM message GROUP BY trigger_id, channel, tenant_id ORDER BY trigger_id, channel
    ON CONFLICT ON CONSTRAINT trigger_count_pkey DO UPDATE
    SET queued = t.queued + excluded.queued, skipped = t.skipped + excluded.skipped;

    WITH job AS (
        INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key, args, pace, state, fence, attempts,
                         worker, lease_until)
        SELECT (j ->> 0)::uuid, (j ->> 1)::uuid, j ->> 2, j ->> 3, (j ->> 4)::smallint, (j ->> 5)::smallint,
               (j ->> 6)::timestamptz, j ->> 7, nullif(j -> 8, 'null'), j ->> 9, mine.it, mine.it, mine.it,
               CASE mine.it WHEN 1 THEN worker_name END, CASE mine.it WHEN 1 THEN clock_timestamp() + lease END
        FROM jsonb_array_elements(new_jobs) AS j CROSS JOIN LATERAL (
            SELECT (j ->> 2 = ANY (open) AND j ->> 9 IS NULL
                    AND NOT EXISTS (SELECT FROM queue WHERE name = j ->> 2 AND paused_at IS NOT NULL))::int AS it
        ) AS mine
        RETURNING id, state
    )
    SELECT coalesce(array_agg(id), '{}') INTO claimed FROM job WHERE state = 1;
END $$;
