-- name: names
-- What a request names, in one round trip: the workflow's version, the recipients that nobody knows, the topics that exist.
SELECT (SELECT v.id FROM workflow w JOIN workflow_version v
          ON v.tenant_id = w.tenant_id AND v.workflow_key = w.key AND v.version = w.current_version
        WHERE w.tenant_id = $1 AND w.key = $2) AS version_id,
       array(SELECT g.id FROM unnest($3::text[]) AS g (id)
             WHERE NOT EXISTS (SELECT FROM recipient r WHERE r.tenant_id = $1 AND r.id = g.id COLLATE "C")
             ORDER BY g.id) AS unknown,
       array(SELECT key FROM topic WHERE tenant_id = $1 AND key = ANY ($4::text[])) AS topics

-- name: accept
-- The trigger and its first job in one statement, and only if all that the request names is as it is taken to be: $4 is the
-- current version of the workflow, and every recipient and topic is there. It is the API's hot path: asked first, and as a
-- transaction of its own, it took five round trips. $17 the recipients that are named, $18-$20 the job's queue, kind and lane,
-- $21 whether the deadline was named, $22 the files that go with its mails, $23 whether nothing of it leaves.
WITH sure AS MATERIALIZED (
    SELECT (SELECT coalesce(sum(member_count), 0) FROM topic WHERE tenant_id = $2 AND key = ANY ($7::text[])) AS members
    FROM workflow w JOIN workflow_version v ON v.tenant_id = w.tenant_id AND v.workflow_key = w.key AND v.version = w.current_version
    WHERE w.tenant_id = $2 AND w.key = $3 AND v.id = $4
      AND NOT EXISTS (SELECT FROM unnest($6::text[]) AS g (id)
                      WHERE NOT EXISTS (SELECT FROM recipient r WHERE r.tenant_id = $2 AND r.id = g.id COLLATE "C"))
      AND (SELECT count(*) FROM topic WHERE tenant_id = $2 AND key = ANY ($7::text[])) = cardinality($7::text[])
), job AS (
    INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at)
    SELECT $1::uuid, $2::uuid, $18::text, $19::text, $5::smallint, $20::smallint, coalesce($15::timestamptz, clock_timestamp())
    FROM sure
)
INSERT INTO trigger (id, tenant_id, workflow_key, workflow_version_id, priority, recipient_ids, topic_keys, channels, payload,
                     metadata, transaction_id, idempotency_key, request_hash, traceparent, send_at, expires_at, total, expires_given,
                     attachments, sandbox)
SELECT $1::uuid, $2::uuid, $3::text, $4::uuid, $5::smallint, $6::text[], $7::text[], $8::text[], $9::jsonb, $10::jsonb, $11::text,
       $12::text, $13::bytea, $14::text, $15::timestamptz, $16::timestamptz, $17::bigint + members,
       $21::bool, $22::jsonb, $23::bool
FROM sure RETURNING id

-- name: lock_idempotency_key
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 1))

-- name: by_idempotency_key
SELECT id, status, request_hash FROM trigger WHERE tenant_id = $1 AND idempotency_key = $2

-- name: load
SELECT t.*, c.trigger_id IS NOT NULL AS tombstone, clock_timestamp() AS now
FROM trigger t LEFT JOIN trigger_cancel c ON c.trigger_id = t.id WHERE t.id = ANY ($1::uuid[])

-- name: page
-- The next recipients of each trigger, in the order of their ids, each once however many topics name them. Where they are
-- reached is one look for all channels, on each of which a recipient prefers one address: a look for each took half as long again.
-- Only devices and webhooks are other tables, which are not looked at unless $3 and $4 say so.
SELECT t.id AS trigger_id, p.recipient_id, r.id IS NOT NULL AS known, r.name, r.locale, r.timezone, r.data,
       c.email, c.phone, CASE WHEN $3 THEN array(
           SELECT d.id FROM device d
           WHERE d.tenant_id = t.tenant_id AND d.recipient_id = p.recipient_id AND d.disabled_at IS NULL ORDER BY d.id
       ) END AS devices, CASE WHEN $4 THEN array(
           SELECT w.id FROM webhook w
           WHERE w.tenant_id = t.tenant_id AND w.recipient_id = p.recipient_id AND w.disabled_at IS NULL
             AND (w.workflows IS NULL OR t.workflow_key = ANY (w.workflows)) ORDER BY w.id
       ) END AS webhooks
FROM trigger t
CROSS JOIN LATERAL (
    SELECT DISTINCT recipient_id FROM (
        SELECT i.recipient_id FROM unnest(t.recipient_ids) AS i (recipient_id) WHERE i.recipient_id > t.cursor
        UNION ALL
        SELECT m.recipient_id FROM unnest(t.topic_keys) AS k (key) CROSS JOIN LATERAL (
            SELECT recipient_id FROM topic_member
            WHERE tenant_id = t.tenant_id AND topic_key = k.key AND recipient_id > t.cursor
            ORDER BY recipient_id LIMIT $2
        ) AS m
    ) AS source ORDER BY recipient_id LIMIT $2
) AS p
CROSS JOIN LATERAL (
    SELECT max(address) FILTER (WHERE channel = 'email') AS email, max(address) FILTER (WHERE channel = 'sms') AS phone
    FROM contact WHERE tenant_id = t.tenant_id AND recipient_id = p.recipient_id AND preferred
) AS c
LEFT JOIN recipient r ON r.tenant_id = t.tenant_id AND r.id = p.recipient_id
WHERE t.id = ANY ($1::uuid[])
ORDER BY t.id, p.recipient_id

-- name: expanded
-- $2 the new cursors, $3 how many more, $4 whether that was the last page, $5 the cursors behind which the pages lie,
-- $6 whether a run of the page waits.
-- Nobody waits for this commit to reach the disk: a page that is lost in a crash is expanded again, and a message of it that
-- was sent has its intent on disk, and with it all that was committed before.
UPDATE trigger t
SET cursor = n.cursor, expanded = t.expanded + n.more,
    status = CASE WHEN n.last THEN 'running' ELSE 'expanding' END,
    total = CASE WHEN n.last THEN t.expanded + n.more ELSE greatest(t.total, t.expanded + n.more) END,
    expanded_at = CASE WHEN n.last THEN clock_timestamp() END, waits = t.waits OR n.waits
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bool[], $5::text[], $6::bool[])
    AS n (id, cursor, more, last, behind, waits)
WHERE t.id = n.id AND t.status IN ('accepted', 'expanding') AND t.cursor = n.behind
  AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
RETURNING t.id

-- name: count
INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, queued, skipped)
SELECT n.id, n.channel, $6, n.tenant_id, n.queued, n.skipped
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[]) AS n (id, tenant_id, channel, queued, skipped)
ORDER BY n.id, n.channel
ON CONFLICT (trigger_id, channel, slot) DO UPDATE
SET queued = t.queued + excluded.queued, skipped = t.skipped + excluded.skipped

-- name: complete
-- Those of which no run waits and nothing is open any more: their counts are folded into one value, and their slots go. The slots are
-- locked before they are summed, so that what a callback or a retry adds meanwhile is seen; what it adds to a new slot is
-- not in this statement's snapshot, and stays. Triggers are named by `= ANY (ARRAY (…))`: nobody knows how many rows these
-- steps give, and a join of two was planned as every row with every other, a second for 500 triggers.
WITH candidate AS MATERIALIZED (
    SELECT id FROM trigger WHERE status = 'running' AND NOT waits AND id > $1 ORDER BY id LIMIT $2
), quiet AS MATERIALIZED (
    SELECT c.id, t.slots FROM candidate c CROSS JOIN LATERAL (
        SELECT coalesce(sum(queued + sending), 0) AS open, count(*) AS slots FROM trigger_count t WHERE t.trigger_id = c.id
    ) AS t WHERE t.open = 0
), slot AS MATERIALIZED (
    SELECT * FROM trigger_count WHERE trigger_id = ANY (ARRAY (SELECT id FROM quiet))
    ORDER BY trigger_id, channel, slot FOR UPDATE
), channel AS (
    SELECT trigger_id, channel, sum(queued + sending) AS open, jsonb_build_object(
        'queued', sum(queued),
        'sending', sum(sending),
        'sent', sum(sent),
        'delivered', sum(delivered),
        'failed', sum(failed),
        'bounced', sum(bounced),
        'skipped', sum(skipped),
        'cancelled', sum(cancelled),
        'expired', sum(expired),
        'unknown', sum(unknown)
    ) AS counts FROM slot GROUP BY trigger_id, channel
), done AS (
    SELECT trigger_id AS id, jsonb_object_agg(channel, counts) AS counts FROM channel GROUP BY trigger_id HAVING sum(open) = 0
    UNION ALL
    SELECT id, '{}' FROM quiet WHERE slots = 0
), finished AS (
    UPDATE trigger t SET status = 'completed', completed_at = clock_timestamp(), counts = d.counts
    FROM done d WHERE t.id = d.id AND t.status = 'running'
      AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'  -- it would only be found out once more
    RETURNING t.id
), swept AS (
    DELETE FROM trigger_count WHERE trigger_id = ANY (ARRAY (SELECT id FROM finished))
), swept_waiting AS (
    DELETE FROM trigger_waiting WHERE trigger_id = ANY (ARRAY (SELECT id FROM finished))
)
SELECT (SELECT id FROM candidate ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM candidate) AS seen,
       array(SELECT id FROM finished) AS completed

-- name: get
SELECT t.id, t.workflow_key, v.version AS workflow_version, t.status, t.priority, t.channels, t.metadata, t.transaction_id,
       t.send_at, t.expires_at, t.total, t.expanded, t.created_at, t.expanded_at, t.completed_at, t.cancelled_at,
       t.counts, t.waits, t.payload, t.recipient_ids, t.topic_keys, t.traceparent, t.attachments, t.sandbox
FROM trigger t LEFT JOIN workflow_version v ON v.id = t.workflow_version_id
WHERE t.tenant_id = $1 AND t.id = $2

-- name: list
SELECT t.id, t.workflow_key, v.version AS workflow_version, t.status, t.priority, t.channels, t.metadata, t.transaction_id,
       t.send_at, t.expires_at, t.total, t.expanded, t.created_at, t.expanded_at, t.completed_at, t.cancelled_at, t.counts,
       t.waits, t.attachments, t.sandbox
FROM trigger t LEFT JOIN workflow_version v ON v.id = t.workflow_version_id
WHERE t.tenant_id = $1 AND t.id < $2
  AND ($4::text IS NULL OR t.workflow_key = $4) AND ($5::text IS NULL OR t.status = $5)
  AND ($6::text IS NULL OR t.transaction_id = $6)
ORDER BY t.id DESC LIMIT $3

-- name: counts
SELECT trigger_id, channel, sum(queued)::bigint AS queued, sum(sending)::bigint AS sending, sum(sent)::bigint AS sent,
       sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed, sum(bounced)::bigint AS bounced,
       sum(skipped)::bigint AS skipped, sum(cancelled)::bigint AS cancelled, sum(expired)::bigint AS expired,
       sum(unknown)::bigint AS unknown
FROM trigger_count WHERE trigger_id = ANY ($1::uuid[]) GROUP BY trigger_id, channel

-- name: lock_for_cancel
SELECT pg_advisory_xact_lock($1)

-- name: cancel
UPDATE trigger SET status = 'cancelled', cancelled_at = clock_timestamp()
WHERE tenant_id = $1 AND id = $2 AND status IN ('accepted', 'expanding', 'running') RETURNING id

-- name: tombstone
INSERT INTO trigger_cancel (trigger_id, tenant_id) VALUES ($2, $1) ON CONFLICT DO NOTHING
