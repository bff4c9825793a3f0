-- name: see
-- $1 ids in order, in which those that somebody else writes just now are waited for; $2 integrations. Those that are new.
INSERT INTO callback_seen (id, integration)
SELECT id, integration FROM unnest($1::uuid[], $2::text[]) AS s (id, integration) ORDER BY id
ON CONFLICT DO NOTHING
RETURNING id

-- name: hold
-- $1 ids, $2-$3 their bounds. Locked in the order of their ids: whoever records what became of an attempt comes before or
-- after. The bounds are subqueries, as in `record` of messages.sql.
SELECT m.id, m.tenant_id, m.status, m.attempts, clock_timestamp() AS now
FROM message m
WHERE m.id = ANY ($1::uuid[]) AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
ORDER BY m.id FOR UPDATE

-- name: handed
-- $1 messages, $2 integrations, $3 ids that their providers give: which attempt each means. That with this id, or else the
-- last of which no id is known. Where no id is given: the last that was taken, or may have been, by an account of that kind.
-- What went in parts has the ids of all, with blanks between them: each means it.
SELECT r.place, a.number, a.proven
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS r (message_id, provider, provider_message_id, place)
CROSS JOIN LATERAL (
    SELECT number, provider_message_id IS NOT NULL AS proven FROM attempt
    WHERE message_id = r.message_id
      AND (provider = r.provider OR r.provider_message_id IS NULL AND split_part(provider, ':', 1) = r.provider)
      AND (provider_message_id = r.provider_message_id
           OR r.provider_message_id = ANY (string_to_array(provider_message_id, ' '))
           OR r.provider_message_id IS NULL AND provider_message_id IS NOT NULL
           OR provider_message_id IS NULL AND status IN ('intent', 'uncertain'))
    ORDER BY provider_message_id IS NULL, number DESC LIMIT 1
) AS a

-- name: move
-- $1 ids, $2-$3 their bounds; per message: $4 the status it must have, $5 the new one, $6 the reason, $7 the provider's id
-- where none was known; $8 the caller's slot. A completed trigger's counts are folded into one value and its slots are
-- gone: what is added to a new slot then counts besides, for whoever asks sums both.
WITH news AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
        AS n (id, expected, status, reason, provider_message_id)
), moved AS (
    UPDATE message m
    SET status = n.status, reason = n.reason, ended_at = clock_timestamp(),
        sent_at = coalesce(m.sent_at, clock_timestamp()),
        provider_message_id = coalesce(n.provider_message_id, m.provider_message_id)
    FROM news n
    WHERE m.id = n.id AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid) AND m.status = n.expected
    RETURNING m.id, m.tenant_id, m.trigger_id, m.channel, m.attempts, n.expected, n.status,
              n.provider_message_id AS proof
), proven AS (
    UPDATE attempt a SET status = 'accepted', provider_message_id = m.proof
    FROM moved m
    WHERE m.proof IS NOT NULL AND a.message_id = m.id AND a.number = m.attempts AND a.status = 'uncertain'
      AND a.message_id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
), delta AS (
    SELECT trigger_id, channel, tenant_id, status, 1 AS n FROM moved
    UNION ALL
    SELECT trigger_id, channel, tenant_id, expected, -1 FROM moved
), counted AS (
    INSERT INTO trigger_count AS t (trigger_id, channel, slot, tenant_id, sent, delivered, failed, bounced, unknown)
    SELECT trigger_id, channel, $8, tenant_id,
           coalesce(sum(n) FILTER (WHERE status = 'sent'), 0), coalesce(sum(n) FILTER (WHERE status = 'delivered'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'failed'), 0), coalesce(sum(n) FILTER (WHERE status = 'bounced'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'unknown'), 0)
    FROM delta GROUP BY trigger_id, channel, tenant_id ORDER BY trigger_id, channel
    ON CONFLICT (trigger_id, channel, slot) DO UPDATE
    SET sent = t.sent + excluded.sent, delivered = t.delivered + excluded.delivered, failed = t.failed + excluded.failed,
        bounced = t.bounced + excluded.bounced, unknown = t.unknown + excluded.unknown
)
SELECT id FROM moved

-- name: note
-- One row a move, in the order in which they were made.
INSERT INTO message_event (message_id, tenant_id, kind, detail)
SELECT id, tenant_id, kind, detail
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS e (id, tenant_id, kind, detail, place)
ORDER BY place

-- name: fold
-- Completed triggers whose messages moved afterwards, at most $1 of them: their slots go into the one value again. The slots
-- are locked before they are summed, as when they were completed.
WITH late AS MATERIALIZED (
    SELECT DISTINCT c.trigger_id AS id FROM trigger_count c JOIN trigger t ON t.id = c.trigger_id
    WHERE t.status = 'completed' LIMIT $1
), folded AS MATERIALIZED (
    SELECT id, counts FROM trigger WHERE id = ANY (ARRAY (SELECT id FROM late)) AND status = 'completed'
    ORDER BY id FOR UPDATE SKIP LOCKED
), slot AS MATERIALIZED (
    SELECT * FROM trigger_count WHERE trigger_id = ANY (ARRAY (SELECT id FROM folded))
    ORDER BY trigger_id, channel, slot FOR UPDATE
), part AS (
    SELECT s.trigger_id, s.channel, e.status, e.n::bigint AS n
    FROM slot s CROSS JOIN LATERAL (VALUES
        ('queued', queued), ('sending', sending), ('sent', sent), ('delivered', delivered), ('failed', failed),
        ('bounced', bounced), ('skipped', skipped), ('cancelled', cancelled), ('expired', expired), ('unknown', unknown)
    ) AS e (status, n)
    UNION ALL
    SELECT f.id, c.key, e.key, e.value::text::bigint
    FROM folded f CROSS JOIN LATERAL jsonb_each(f.counts) AS c CROSS JOIN LATERAL jsonb_each(c.value) AS e
), total AS (
    SELECT trigger_id, channel, jsonb_object_agg(status, n) AS counts
    FROM (SELECT trigger_id, channel, status, sum(n) AS n FROM part GROUP BY trigger_id, channel, status) AS summed
    GROUP BY trigger_id, channel
), written AS (
    UPDATE trigger t SET counts = n.counts
    FROM (SELECT trigger_id, jsonb_object_agg(channel, counts) AS counts FROM total GROUP BY trigger_id) AS n
    WHERE t.id = n.trigger_id
    RETURNING t.id
), swept AS (
    DELETE FROM trigger_count WHERE trigger_id = ANY (ARRAY (SELECT id FROM written))
)
SELECT count(*) FROM written

-- name: prune
WITH gone AS (
    DELETE FROM callback_seen WHERE id = ANY (ARRAY (
        SELECT id FROM callback_seen WHERE at < now() - $1::interval ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone
