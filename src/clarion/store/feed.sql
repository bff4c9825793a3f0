-- name: page_inbox
SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
       snoozed_until
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NULL AND snoozed_until IS NULL
ORDER BY seq DESC LIMIT $4

-- name: page_unread
SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
       snoozed_until
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL
ORDER BY seq DESC LIMIT $4

-- name: page_snoozed
SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
       snoozed_until
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NULL AND snoozed_until IS NOT NULL
ORDER BY seq DESC LIMIT $4

-- name: page_archived
SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
       snoozed_until
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NOT NULL
ORDER BY seq DESC LIMIT $4

-- name: page_all
SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
       snoozed_until
FROM feed_item WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3
ORDER BY seq DESC LIMIT $4

-- name: counts
SELECT coalesce(c.total, 0) AS total, coalesce(c.unseen, 0) AS unseen, coalesce(c.unread, 0) AS unread,
       coalesce(c.last_rev, 0) AS rev
FROM recipient r LEFT JOIN feed_counter c ON c.tenant_id = r.tenant_id AND c.recipient_id = r.id
WHERE r.tenant_id = $1 AND r.id = $2

-- name: lock
SELECT 1 FROM feed_counter WHERE tenant_id = $1 AND recipient_id = $2 FOR UPDATE

-- name: present
-- All that is neither archived nor snoozed.
SELECT message_id FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND archived_at IS NULL AND snoozed_until IS NULL

-- name: due
-- Whose time has come, of those that are snoozed.
SELECT message_id FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND message_id = ANY ($3::uuid[]) AND snoozed_until <= clock_timestamp()

-- name: mark
-- $4 what is done; $5 until when, for a snooze. Whatever changes gets the next number, and the counters follow the rows. An item
-- is in the counts while it is neither archived nor snoozed; one that comes back from a snooze is new again.
WITH old AS MATERIALIZED (
    SELECT message_id, seq, seen_at, read_at, archived_at, snoozed_until, archived_at IS NULL AND snoozed_until IS NULL AS here
    FROM feed_item WHERE tenant_id = $1 AND recipient_id = $2 AND message_id = ANY ($3::uuid[])
), wanted AS (
    SELECT message_id, seq, here AS was_here, here AND seen_at IS NULL AS was_unseen, here AND read_at IS NULL AS was_unread,
           ROW (seen_at, read_at, archived_at, snoozed_until) AS before,
           CASE WHEN $4::text IN ('seen', 'read') THEN coalesce(seen_at, clock_timestamp())
                WHEN $4 = 'wake' AND snoozed_until IS NOT NULL THEN NULL ELSE seen_at END AS seen_at,
           CASE WHEN $4 = 'read' THEN coalesce(read_at, clock_timestamp())
                WHEN $4 = 'unread' OR ($4 = 'wake' AND snoozed_until IS NOT NULL) THEN NULL ELSE read_at END AS read_at,
           CASE $4 WHEN 'archive' THEN coalesce(archived_at, clock_timestamp())
                   WHEN 'unarchive' THEN NULL ELSE archived_at END AS archived_at,
           CASE WHEN $4 = 'snooze' AND archived_at IS NULL THEN $5::timestamptz
                WHEN $4 IN ('wake', 'unsnooze', 'archive') THEN NULL ELSE snoozed_until END AS snoozed_until
    FROM old
), new AS (
    SELECT *, archived_at IS NULL AND snoozed_until IS NULL AS here, row_number() OVER (ORDER BY seq) AS number
    FROM wanted WHERE ROW (seen_at, read_at, archived_at, snoozed_until) IS DISTINCT FROM before
), changed AS (
    UPDATE feed_item f SET seen_at = n.seen_at, read_at = n.read_at, archived_at = n.archived_at,
                           snoozed_until = n.snoozed_until, rev = c.last_rev + n.number
    FROM new n, feed_counter c
    WHERE f.message_id = n.message_id AND c.tenant_id = $1 AND c.recipient_id = $2
), counted AS (
    UPDATE feed_counter c SET last_rev = c.last_rev + s.changed, total = c.total + s.total, unseen = c.unseen + s.unseen,
                              unread = c.unread + s.unread
    FROM (SELECT count(*) AS changed, sum(here::int - was_here::int) AS total,
                 sum((here AND seen_at IS NULL)::int - was_unseen::int) AS unseen,
                 sum((here AND read_at IS NULL)::int - was_unread::int) AS unread
          FROM new HAVING count(*) > 0) AS s
    WHERE c.tenant_id = $1 AND c.recipient_id = $2
)
SELECT array(SELECT message_id FROM new)
