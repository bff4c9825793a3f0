-- name: load
-- What delivering needs, for many messages at once. Content of triggers is fetched apart: it is shared by many.
SELECT m.id, m.tenant_id, m.trigger_id, m.status, m.attempts, m.possible_duplicate, m.step, m.channel, m.address,
       m.expires_at - clock_timestamp() AS remains, m.recipient_id, r.name, r.locale, r.timezone, coalesce(r.data, '{}') AS data,
       c.trigger_id IS NOT NULL AS cancelled
FROM message m
LEFT JOIN recipient r ON r.tenant_id = m.tenant_id AND r.id = m.recipient_id
LEFT JOIN trigger_cancel c ON c.trigger_id = m.trigger_id
WHERE m.id = ANY ($1::uuid[]) AND m.id BETWEEN $2 AND $3

-- name: open_attempts
-- What is known of the latest attempt of messages that were being sent when their worker died or lost the lease.
SELECT a.message_id, a.status, a.provider_message_id, a.reason
FROM unnest($1::uuid[], $2::smallint[]) AS n (id, number) JOIN attempt a ON a.message_id = n.id AND a.number = n.number

-- name: lock_triggers
-- Shared with other intents, exclusive with a cancel: an intent cannot commit after a cancel that it did not see.
SELECT pg_advisory_xact_lock_shared(key) FROM (SELECT DISTINCT key FROM unnest($1::bigint[]) AS k (key) ORDER BY key) AS k

-- name: cancelled
SELECT trigger_id FROM trigger_cancel WHERE trigger_id = ANY ($1::uuid[])

-- name: intend
-- Migration 0025 has it: its steps must see each other's waits, so they are statements of a function.
SELECT ids, numbers, remains FROM intend_3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: record
-- $1-$2 ids and their bounds' low end, $3 high end; per message: $4 the status it must have, $5 the number of attempts it
-- must have, $6 the new status, $7 reason, $8 provider's id, $9 possible duplicate, $10 what the attempt came to (NULL:
-- there was none), $11 what to note in the timeline (NULL: nothing); $12 slot; $13 the fence of the claim whose job leaves
-- with this, and without which the message does not move (NULL: no job leaves here). The ids are in order, in which the jobs
-- are locked; they leave as in the queue's own `settle`, in the same statement, as most lists end so.
-- The bounds are subqueries so that partitions are chosen while it runs, not when it begins: where both are done, PostgreSQL
-- 18 finds no rows in them any more once a job's row was changed meanwhile, as by who keeps leases.
WITH news AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::bool[],
                         $10::text[], $11::text[], $13::int[])
        AS n (id, expected, number, status, reason, provider_message_id, possible_duplicate, attempt, event, fence)
), left_queue AS (
    DELETE FROM job WHERE id = ANY (ARRAY (
        SELECT row.id FROM news h CROSS JOIN LATERAL (
            SELECT id FROM job WHERE job.id = h.id AND job.fence = h.fence AND state <> 0 FOR UPDATE
        ) AS row
    ))
    RETURNING id, queue
), tally AS (
    INSERT INTO job_tally AS t (queue, minute, slot, done)
    SELECT queue, date_trunc('minute', now()), $12, count(*) FROM left_queue GROUP BY queue
    ON CONFLICT (queue, minute, slot) DO UPDATE SET done = t.done + excluded.done
), ours AS MATERIALIZED (
    SELECT * FROM news WHERE fence IS NULL OR id IN (SELECT id FROM left_queue)
), moved AS (
    UPDATE message m
    SET status = n.status, reason = n.reason, possible_duplicate = m.possible_duplicate OR n.possible_duplicate,
        provider_message_id = coalesce(n.provider_message_id, m.provider_message_id),
        sent_at = CASE WHEN n.status IN ('sent', 'delivered') THEN clock_timestamp() ELSE m.sent_at END,
        ended_at = CASE WHEN n.status = 'queued' THEN NULL ELSE clock_timestamp() END
    FROM ours n
    WHERE m.id = n.id AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
      AND m.status = n.expected AND m.attempts = n.number
    RETURNING m.id, m.tenant_id, m.trigger_id, m.channel, n.expected, n.status, n.event, n.reason
), tried AS (
    UPDATE attempt a
    SET status = n.attempt, ended_at = clock_timestamp(), reason = n.reason, provider_message_id = n.provider_message_id
    FROM ours n
    WHERE a.message_id = n.id AND a.message_id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid) AND a.number = n.number
      AND n.attempt IS NOT NULL AND a.status = 'intent'
), noted AS (
    INSERT INTO message_event (message_id, tenant_id, kind, detail)
    SELECT id, tenant_id, event, reason FROM moved WHERE event IS NOT NULL
), delta AS (
    SELECT trigger_id, channel, tenant_id, status, 1 AS n FROM moved
    UNION ALL
    SELECT trigger_id, channel, tenant_id, expected, -1 FROM moved
), counted AS (
    INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, queued, sending, sent, delivered, failed,
                                    bounced, skipped, cancelled, expired, unknown)
    SELECT trigger_id, channel, $12, tenant_id,
           coalesce(sum(n) FILTER (WHERE status = 'queued'), 0), coalesce(sum(n) FILTER (WHERE status = 'sending'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'sent'), 0), coalesce(sum(n) FILTER (WHERE status = 'delivered'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'failed'), 0), coalesce(sum(n) FILTER (WHERE status = 'bounced'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'skipped'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'cancelled'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'expired'), 0), coalesce(sum(n) FILTER (WHERE status = 'unknown'), 0)
    FROM delta GROUP BY trigger_id, channel, tenant_id ORDER BY trigger_id, channel
    ON CONFLICT (trigger_id, channel, slot) DO UPDATE
    SET queued = t.queued + excluded.queued, sending = t.sending + excluded.sending, sent = t.sent + excluded.sent,
        delivered = t.delivered + excluded.delivered, failed = t.failed + excluded.failed,
        bounced = t.bounced + excluded.bounced, skipped = t.skipped + excluded.skipped,
        cancelled = t.cancelled + excluded.cancelled, expired = t.expired + excluded.expired,
        unknown = t.unknown + excluded.unknown
)
SELECT id, id IN (SELECT id FROM moved) AS moved, id NOT IN (SELECT id FROM ours) AS lost FROM news

-- name: evidence
-- Who lost the lease still writes down what the provider said; the message is no longer theirs to move. $6 are the fences
-- of their claims: an attempt that was begun under another is somebody else's, and they only drew their conclusion from it.
UPDATE attempt a
SET status = n.status, ended_at = clock_timestamp(), reason = n.reason, provider_message_id = n.provider_message_id
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::int[])
    AS n (id, number, status, reason, provider_message_id, fence)
WHERE a.message_id = n.id AND a.number = n.number AND a.fence = n.fence AND a.status IN ('intent', 'uncertain')

-- name: readdress
-- Messages ($1, $2-$3 their bounds) that wait go to other addresses ($4) from now on.
UPDATE message m SET address = said.address FROM unnest($1::uuid[], $4::text[]) AS said (id, address)
WHERE m.id = said.id AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid) AND m.status = 'queued'

-- name: by_id
SELECT * FROM message WHERE id = $2 AND tenant_id = $1

-- name: attempts
SELECT number, status, provider, provider_message_id, reason, intended_at, ended_at, worker
FROM attempt WHERE message_id = $2 AND tenant_id = $1 ORDER BY number

-- name: events
SELECT at, kind, detail FROM message_event WHERE message_id = $2 AND tenant_id = $1 ORDER BY at

-- name: list
-- $1 tenant, $2 before this id, $3 limit; then the filters, NULL for any.
SELECT m.* FROM message m
WHERE m.tenant_id = $1 AND m.id < $2
  AND ($4::uuid IS NULL OR m.trigger_id = $4)
  AND ($5::text IS NULL OR m.recipient_id = $5)
  AND ($6::text IS NULL OR m.workflow_key = $6)
  AND ($7::text IS NULL OR m.channel = $7)
  AND ($8::text IS NULL OR m.status = $8)
ORDER BY m.id DESC LIMIT $3

-- name: requeue
-- $3 the statuses that may be retried, $4 the new deadline. What was taken before, or perhaps, may now go out twice.
UPDATE message SET status = 'queued', reason = NULL, ended_at = NULL, expires_at = greatest(expires_at, $4),
    possible_duplicate = possible_duplicate OR EXISTS (
        SELECT FROM attempt a WHERE a.message_id = $2 AND a.status IN ('accepted', 'uncertain'))
WHERE id = $2 AND tenant_id = $1 AND status = ANY ($3)
RETURNING trigger_id, channel

-- name: waiting_of_trigger
-- A page of a trigger's messages that still wait, for a cancel to sweep.
SELECT id FROM message WHERE trigger_id = $1 AND id > $2 AND status = 'queued' ORDER BY id LIMIT $3

-- name: note
INSERT INTO message_event (message_id, tenant_id, kind, detail) VALUES ($2, $1, $3, $4)

-- name: count
-- One message of a trigger went from one status to another outside of a delivery.
INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, queued, failed, unknown, expired)
VALUES ($2, $3, -1, $1, 1, -($4 = 'failed')::int, -($4 = 'unknown')::int, -($4 = 'expired')::int)
ON CONFLICT (trigger_id, channel, slot) DO UPDATE
SET queued = t.queued + excluded.queued, failed = t.failed + excluded.failed, unknown = t.unknown + excluded.unknown,
    expired = t.expired + excluded.expired
