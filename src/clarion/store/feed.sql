-- name: page_inbox
SELECT message_id, seq, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at
FROM feed_item WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NULL
ORDER BY seq DESC LIMIT $4

-- name: page_unread
SELECT message_id, seq, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NULL AND read_at IS NULL
ORDER BY seq DESC LIMIT $4

-- name: page_archived
SELECT message_id, seq, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at
FROM feed_item
WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3 AND archived_at IS NOT NULL
ORDER BY seq DESC LIMIT $4

-- name: page_all
SELECT message_id, seq, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at
FROM feed_item WHERE tenant_id = $1 AND recipient_id = $2 AND seq < $3
ORDER BY seq DESC LIMIT $4

-- name: counts
SELECT coalesce(c.total, 0) AS total, coalesce(c.unseen, 0) AS unseen, coalesce(c.unread, 0) AS unread
FROM recipient r LEFT JOIN feed_counter c ON c.tenant_id = r.tenant_id AND c.recipient_id = r.id
WHERE r.tenant_id = $1 AND r.id = $2

-- name: lock
SELECT 1 FROM feed_counter WHERE tenant_id = $1 AND recipient_id = $2 FOR UPDATE

-- name: read_some
WITH old AS (
    SELECT message_id, archived_at IS NULL AS here, seen_at IS NULL AS unseen FROM feed_item
    WHERE tenant_id = $1 AND recipient_id = $2 AND message_id = ANY($3::uuid[]) AND read_at IS NULL
), changed AS (
    UPDATE feed_item f SET read_at = clock_timestamp(), seen_at = coalesce(f.seen_at, clock_timestamp())
    FROM old WHERE f.message_id = old.message_id AND f.read_at IS NULL
    RETURNING old.here, old.unseen
), counted AS (
    UPDATE feed_counter c SET unread = c.unread - s.read, unseen = c.unseen - s.seen
    FROM (SELECT count(*) FILTER (WHERE here) AS read, count(*) FILTER (WHERE here AND unseen) AS seen FROM changed) s
    WHERE c.tenant_id = $1 AND c.recipient_id = $2
)
SELECT count(*) FROM changed

-- name: read_all
WITH old AS (
    SELECT message_id, seen_at IS NULL AS unseen FROM feed_item
    WHERE tenant_id = $1 AND recipient_id = $2 AND archived_at IS NULL AND read_at IS NULL
), changed AS (
    UPDATE feed_item f SET read_at = clock_timestamp(), seen_at = coalesce(f.seen_at, clock_timestamp())
    FROM old WHERE f.message_id = old.message_id AND f.read_at IS NULL
    RETURNING old.unseen
), counted AS (
    UPDATE feed_counter c SET unread = c.unread - s.read, unseen = c.unseen - s.seen
    FROM (SELECT count(*) AS read, count(*) FILTER (WHERE unseen) AS seen FROM changed) s
    WHERE c.tenant_id = $1 AND c.recipient_id = $2
)
SELECT count(*) FROM changed

-- name: archive_some
WITH changed AS (
    UPDATE feed_item SET archived_at = clock_timestamp()
    WHERE tenant_id = $1 AND recipient_id = $2 AND message_id = ANY($3::uuid[]) AND archived_at IS NULL
    RETURNING seen_at IS NULL AS unseen, read_at IS NULL AS unread
), counted AS (
    UPDATE feed_counter c SET total = c.total - s.here, unseen = c.unseen - s.unseen, unread = c.unread - s.unread
    FROM (SELECT count(*) AS here, count(*) FILTER (WHERE unseen) AS unseen, count(*) FILTER (WHERE unread) AS unread
          FROM changed) s
    WHERE c.tenant_id = $1 AND c.recipient_id = $2
)
SELECT count(*) FROM changed

-- name: archive_all
WITH changed AS (
    UPDATE feed_item SET archived_at = clock_timestamp()
    WHERE tenant_id = $1 AND recipient_id = $2 AND archived_at IS NULL
    RETURNING seen_at IS NULL AS unseen, read_at IS NULL AS unread
), counted AS (
    UPDATE feed_counter c SET total = c.total - s.here, unseen = c.unseen - s.unseen, unread = c.unread - s.unread
    FROM (SELECT count(*) AS here, count(*) FILTER (WHERE unseen) AS unseen, count(*) FILTER (WHERE unread) AS unread
          FROM changed) s
    WHERE c.tenant_id = $1 AND c.recipient_id = $2
)
SELECT count(*) FROM changed
