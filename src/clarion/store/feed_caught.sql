-- name: count
-- Of all tenants, the newest $1 at most.
SELECT count(*) FROM (SELECT FROM feed_item LIMIT $1) AS some

-- name: newest
-- $1 words in lower case, of those among the newest $2, $3 how many. Of all tenants: who asks owns the machine.
SELECT message_id, recipient_id, workflow_key, title, body, url, created_at,
       CASE WHEN archived_at IS NOT NULL THEN 'archived' WHEN read_at IS NOT NULL THEN 'read'
            WHEN seen_at IS NOT NULL THEN 'seen' ELSE 'unread' END AS status
FROM (SELECT * FROM feed_item ORDER BY message_id DESC LIMIT $2) AS item
WHERE strpos(lower(concat_ws(E'\n', recipient_id, workflow_key, title, body)), $1) > 0
ORDER BY message_id DESC LIMIT $3
