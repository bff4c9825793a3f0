-- name: addresses
-- Where messages went: $1 ids, $2-$3 their bounds.
SELECT id, tenant_id, channel, address, recipient_id FROM message
WHERE id = ANY ($1::uuid[]) AND id BETWEEN $2 AND $3 AND address IS NOT NULL

-- name: learn
-- What was learnt of addresses: it makes a suppression last longer, never shorter, and one for ever stays as it is. In the
-- order of the key, in which everybody locks them.
INSERT INTO suppression AS s (id, tenant_id, channel, mailbox, category, reason, address, detail, message_id, expires_at)
SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::uuid[], $10::timestamptz[])
    AS n (id, tenant_id, channel, mailbox, category, reason, address, detail, message_id, expires_at)
WHERE EXISTS (SELECT FROM tenant t WHERE t.id = n.tenant_id)
ORDER BY n.tenant_id, n.mailbox COLLATE "C", n.channel COLLATE "C", n.category COLLATE "C", n.reason COLLATE "C"
ON CONFLICT (tenant_id, mailbox, channel, category, reason) DO UPDATE
SET created_at = CASE WHEN s.expires_at <= clock_timestamp() THEN clock_timestamp() ELSE s.created_at END,
    address = excluded.address, detail = excluded.detail, message_id = excluded.message_id,
    expires_at = CASE WHEN excluded.expires_at IS NOT NULL THEN greatest(s.expires_at, excluded.expires_at) END
WHERE s.expires_at IS NOT NULL
RETURNING id, tenant_id, channel, address, category, reason, detail, message_id, expires_at

-- name: put
-- What somebody says of addresses: it holds as it is said. Those that are new, and those that were there.
INSERT INTO suppression AS s (id, tenant_id, channel, mailbox, category, reason, address, detail, message_id, expires_at)
SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::uuid[], $10::timestamptz[])
    AS n (id, tenant_id, channel, mailbox, category, reason, address, detail, message_id, expires_at)
ORDER BY n.tenant_id, n.mailbox COLLATE "C", n.channel COLLATE "C", n.category COLLATE "C", n.reason COLLATE "C"
ON CONFLICT (tenant_id, mailbox, channel, category, reason) DO UPDATE
SET created_at = CASE WHEN s.expires_at <= clock_timestamp() THEN clock_timestamp() ELSE s.created_at END,
    address = excluded.address, detail = excluded.detail, expires_at = excluded.expires_at
RETURNING id, mailbox, channel, category, reason, (xmax = 0) AS created

-- name: guarded
-- Which of these tenants have any: one look into an index each.
SELECT t AS id FROM unnest($1::uuid[]) AS t WHERE EXISTS (SELECT FROM suppression s WHERE s.tenant_id = t)

-- name: find
-- What holds of addresses ($1 tenants, $2 mailboxes, $3 channels), by their places: one look into an index each.
SELECT k.place, s.id, s.reason, s.category, s.created_at
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS k (tenant_id, mailbox, channel, place)
JOIN suppression s ON s.tenant_id = k.tenant_id AND s.mailbox = k.mailbox AND s.channel = k.channel
WHERE s.expires_at IS NULL OR s.expires_at > clock_timestamp()

-- name: list
-- $1 tenant, $2 before this id, $3 limit; then the filters, NULL for any.
SELECT * FROM suppression
WHERE tenant_id = $1 AND id < $2 AND (expires_at IS NULL OR expires_at > clock_timestamp())
  AND ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR reason = $5) AND ($6::text IS NULL OR category = $6)
ORDER BY id DESC LIMIT $3

-- name: list_of_address
-- The same of one address, $7.
SELECT * FROM suppression
WHERE tenant_id = $1 AND id < $2 AND (expires_at IS NULL OR expires_at > clock_timestamp())
  AND ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR reason = $5) AND ($6::text IS NULL OR category = $6)
  AND mailbox = $7
ORDER BY id DESC LIMIT $3

-- name: get
SELECT * FROM suppression
WHERE tenant_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > clock_timestamp())

-- name: delete
DELETE FROM suppression
WHERE tenant_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > clock_timestamp()) RETURNING id

-- name: soften
-- $1 tenants, $2 mailboxes, $3 channels, $4 messages. A message is counted once, however often it is told of.
INSERT INTO soft_bounce (tenant_id, mailbox, channel, message_id)
SELECT n.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS n (tenant_id, mailbox, channel, message_id)
ORDER BY n.tenant_id, n.mailbox COLLATE "C", n.channel COLLATE "C", n.message_id
ON CONFLICT DO NOTHING

-- name: soft_count
-- How many soft bounces each address has had ($1 tenants, $2 mailboxes, $3 channels, $4 recipients, $5 addresses) since
-- something arrived, of those after $6; $7 is the least id of a message of that time. What was sent three days ago and was not
-- told of since did arrive, as far as anybody can tell: no provider tries for longer.
SELECT k.place, (
    SELECT count(*) FROM soft_bounce b
    WHERE b.tenant_id = k.tenant_id AND b.mailbox = k.mailbox AND b.channel = k.channel AND b.at > $6
      AND b.at > coalesce((
          SELECT max(m.ended_at) FROM message m
          WHERE m.tenant_id = k.tenant_id AND m.recipient_id = k.recipient_id AND m.id >= $7
            AND m.channel = k.channel AND lower(m.address) = lower(k.address)
            AND (m.status = 'delivered' OR m.status = 'sent' AND m.ended_at < clock_timestamp() - interval '3 days')
      ), '-infinity')
) AS count
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS k (tenant_id, mailbox, channel, recipient_id, address, place)

-- name: prune
WITH gone AS (
    DELETE FROM suppression WHERE id = ANY (ARRAY (
        SELECT id FROM suppression WHERE expires_at < now() - $1::interval ORDER BY expires_at LIMIT $2
        FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: prune_soft
WITH old AS MATERIALIZED (
    SELECT tenant_id, mailbox, channel, message_id FROM soft_bounce WHERE at < now() - $1::interval ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM soft_bounce b USING old
    WHERE b.tenant_id = old.tenant_id AND b.mailbox = old.mailbox AND b.channel = old.channel
      AND b.message_id = old.message_id
    RETURNING 1
)
SELECT count(*) FROM gone
