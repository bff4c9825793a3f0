-- name: messages
SELECT channel, status, count(*) AS messages FROM message WHERE tenant_id = $1 GROUP BY channel, status

-- name: runs
SELECT count(*) FROM run WHERE tenant_id = $1

-- name: runs_of
SELECT count(*) FROM run WHERE trigger_id = $1

-- name: feed_items
SELECT count(*) FROM feed_item WHERE tenant_id = $1

-- name: last_sent
SELECT max(sent_at) FROM message WHERE trigger_id = $1 AND channel = 'email' AND status = 'sent'

-- name: last_in_feed
SELECT max(f.created_at) FROM message m JOIN feed_item f ON f.message_id = m.id WHERE m.trigger_id = $1
