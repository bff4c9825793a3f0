-- name: get
SELECT r.id, r.name, r.locale, r.timezone, r.data, r.created_at, r.updated_at,
       (SELECT c.address FROM contact c WHERE c.tenant_id = r.tenant_id AND c.recipient_id = r.id AND c.channel = 'email'
          AND c.preferred LIMIT 1) AS email,
       (SELECT c.address FROM contact c WHERE c.tenant_id = r.tenant_id AND c.recipient_id = r.id AND c.channel = 'sms'
          AND c.preferred LIMIT 1) AS phone
FROM recipient r WHERE r.tenant_id = $1 AND r.id = $2

-- name: lock
-- In order of id, as everybody locks them: two callers with the same ids wait, but not for each other.
SELECT id FROM recipient WHERE tenant_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR KEY SHARE

-- name: put
INSERT INTO recipient (tenant_id, id, name, locale, timezone, data)
SELECT $1, g.id, g.name, g.locale, g.timezone, g.data
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) AS g (id, name, locale, timezone, data)
ORDER BY g.id COLLATE "C"
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, locale = excluded.locale, timezone = excluded.timezone, data = excluded.data,
    updated_at = clock_timestamp()
RETURNING id, (xmax = 0) AS created

-- name: merge
-- What is given is laid over what is there; a row that would not change is not written. $2-$6 the people, $7-$10 where they
-- are reached: of each at most one address on a channel. It takes the place of the one that was preferred.
WITH contacts AS MATERIALIZED (
    SELECT * FROM unnest($7::text[], $8::text[], $9::text[], $10::text[]) AS g (id, channel, address, mailbox)
), merged AS (
    INSERT INTO recipient AS r (tenant_id, id, name, locale, timezone, data)
    SELECT $1, g.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
        AS g (id, name, locale, timezone, data)
    ORDER BY g.id COLLATE "C"
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET name = coalesce(excluded.name, r.name), locale = coalesce(excluded.locale, r.locale),
        timezone = coalesce(excluded.timezone, r.timezone), data = r.data || excluded.data, updated_at = clock_timestamp()
    WHERE (r.name, r.locale, r.timezone, r.data) IS DISTINCT FROM (
        coalesce(excluded.name, r.name), coalesce(excluded.locale, r.locale), coalesce(excluded.timezone, r.timezone),
        r.data || excluded.data)
), dropped AS (
    DELETE FROM contact c USING contacts g
    WHERE c.tenant_id = $1 AND c.recipient_id = g.id AND c.channel = g.channel AND c.mailbox <> g.mailbox AND c.preferred
)
INSERT INTO contact (tenant_id, recipient_id, channel, address, mailbox)
SELECT $1, id, channel, address, mailbox FROM contacts ORDER BY id COLLATE "C", channel COLLATE "C"
ON CONFLICT (tenant_id, recipient_id, channel, mailbox) DO UPDATE SET address = excluded.address, preferred = true,
    quarantined_at = NULL, quarantine_reason = NULL
WHERE contact.address <> excluded.address OR NOT contact.preferred

-- name: drop_contacts
-- What was preferred and is not any more: others stay. $3 their mailboxes, $4 their numbers, NULL for none.
DELETE FROM contact c
USING unnest($2::text[], $3::text[], $4::text[]) AS g (id, email, phone)
WHERE c.tenant_id = $1 AND c.recipient_id = g.id AND c.preferred
  AND (c.channel = 'email' AND c.mailbox IS DISTINCT FROM g.email OR c.channel = 'sms' AND c.mailbox IS DISTINCT FROM g.phone)

-- name: put_contacts
-- The rows of recipient are locked by now, so nobody else touches these.
INSERT INTO contact (tenant_id, recipient_id, channel, address, mailbox)
SELECT $1, g.id, g.channel, g.address, g.mailbox
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS g (id, channel, address, mailbox)
ON CONFLICT (tenant_id, recipient_id, channel, mailbox) DO UPDATE SET address = excluded.address, preferred = true,
    quarantined_at = NULL, quarantine_reason = NULL
WHERE contact.address <> excluded.address OR NOT contact.preferred

-- name: lock_for_delete
SELECT 1 FROM recipient WHERE tenant_id = $1 AND id = $2 FOR UPDATE

-- name: topics_of
SELECT topic_key FROM topic_member WHERE tenant_id = $1 AND recipient_id = $2

-- name: lock_topics
SELECT 1 FROM topic WHERE tenant_id = $1 AND key = ANY($2::text[]) ORDER BY key FOR NO KEY UPDATE

-- name: leave_topics
WITH gone AS (
    DELETE FROM topic_member WHERE tenant_id = $1 AND recipient_id = $2 RETURNING topic_key
)
UPDATE topic SET member_count = member_count - 1 FROM gone WHERE topic.tenant_id = $1 AND topic.key = gone.topic_key

-- name: drop_feed_counter
DELETE FROM feed_counter WHERE tenant_id = $1 AND recipient_id = $2

-- name: drop_feed
DELETE FROM feed_item WHERE tenant_id = $1 AND recipient_id = $2

-- name: delete
DELETE FROM recipient WHERE tenant_id = $1 AND id = $2
