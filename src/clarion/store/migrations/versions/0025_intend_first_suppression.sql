-- `intend_2`, and besides: of tenants that are believed to have no suppression at all (free) messages stay queued where there is
-- one by now. It is one look into an index for each such tenant of a list, in the snapshot of the intent itself: so the first
-- suppression of a tenant holds at once, like every other, and nobody has to ask before.
CREATE FUNCTION intend_3(
    jobs uuid[], fences integer[], triggers bigint[], provider_name text, worker_name text, count_slot smallint,
    margin interval, guarded uuid[], mailboxes text[], known uuid[], free uuid[],
    OUT ids uuid[], OUT numbers smallint[], OUT remains interval
) LANGUAGE plpgsql AS $$
DECLARE
    mine uuid[];
    their_fences integer[];
    least_lease timestamptz;
BEGIN
    -- Shared with other intents, exclusive with a cancel: an intent cannot commit after a cancel that it did not see.
    PERFORM pg_advisory_xact_lock_shared(key) FROM (SELECT DISTINCT key FROM unnest(triggers) AS k (key) ORDER BY key) AS k;

    -- Rows stay locked until this commits, so that nobody gives a job to another worker before; in the order of their ids.
    -- Materialized, so that a lease is looked at when its row is locked, not before. One with too little left is left out.
    WITH held AS MATERIALIZED (
        SELECT row.* FROM unnest(jobs, fences) AS h (id, fence) CROSS JOIN LATERAL (
            SELECT job.id, job.fence, job.lease_until FROM job
            WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 AND NOT cancelled FOR UPDATE
        ) AS row
    )
    SELECT array_agg(id ORDER BY id), array_agg(fence ORDER BY id), min(lease_until) INTO mine, their_fences, least_lease
    FROM held WHERE lease_until > clock_timestamp() + margin;

    WITH claim AS MATERIALIZED (
        SELECT * FROM unnest(mine, their_fences) AS i (id, fence)
    ), barred AS MATERIALIZED (
        SELECT m.id FROM unnest(guarded, mailboxes) AS g (id, mailbox)
        JOIN message m ON m.id = g.id AND m.id BETWEEN mine[1] AND mine[cardinality(mine)]
        JOIN suppression s ON s.tenant_id = m.tenant_id AND s.mailbox = g.mailbox COLLATE "C" AND s.channel = m.channel
        WHERE (s.expires_at IS NULL OR s.expires_at > clock_timestamp()) AND s.id <> ALL (known)
    ), moved AS (
        UPDATE message m SET status = 'sending', attempts = m.attempts + 1, provider = provider_name
        FROM claim i
        WHERE m.id = i.id AND m.id BETWEEN mine[1] AND mine[cardinality(mine)]
          AND m.status = 'queued' AND m.expires_at > clock_timestamp()
          AND NOT EXISTS (SELECT FROM trigger_cancel c WHERE c.trigger_id = m.trigger_id)
          AND m.id <> ALL (ARRAY (SELECT id FROM barred))
          AND m.tenant_id <> ALL (ARRAY (
              SELECT t FROM unnest(free) AS t WHERE EXISTS (SELECT FROM suppression s WHERE s.tenant_id = t)
          ))
        RETURNING m.id, m.tenant_id, m.trigger_id, m.channel, m.attempts, i.fence
    ), tried AS (
        INSERT INTO attempt (message_id, number, fence, tenant_id, provider, worker)
        SELECT id, attempts, fence, tenant_id, provider_name, worker_name FROM moved
    ), counted AS (
        INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, queued, sending)
        SELECT trigger_id, channel, count_slot, tenant_id, -count(*), count(*)
        FROM moved GROUP BY trigger_id, channel, tenant_id ORDER BY trigger_id, channel
        ON CONFLICT (trigger_id, channel, slot) DO UPDATE
        SET queued = t.queued + excluded.queued, sending = t.sending + excluded.sending
    )
    SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(attempts), '{}') INTO ids, numbers FROM moved;

    -- All locks are held, so now the clock: a lease may have run out while one was waited for. Then nothing is intended.
    remains := least_lease - clock_timestamp();
    IF remains < margin THEN
        RAISE EXCEPTION 'the lease ran out while locks were waited for' USING ERRCODE = 'lock_not_available';
    END IF;
END $$;
