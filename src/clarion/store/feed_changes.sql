-- name: changes
-- Of each feed ($1 tenants, $2 recipients) its counts and the items that changed after the number in $3, at most $4 of them, in
-- the order of the changes. A feed that was never delivered to has no row.
SELECT c.tenant_id, c.recipient_id, c.last_rev, c.total, c.unseen, c.unread, i.*
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS w (tenant_id, recipient_id, rev)
JOIN feed_counter c ON c.tenant_id = w.tenant_id AND c.recipient_id = w.recipient_id COLLATE "C"
LEFT JOIN LATERAL (
    SELECT message_id, seq, rev, workflow_key, category, title, body, url, data, created_at, seen_at, read_at, archived_at,
           snoozed_until
    FROM feed_item f
    WHERE f.tenant_id = w.tenant_id AND f.recipient_id = w.recipient_id COLLATE "C" AND f.rev > w.rev
    ORDER BY f.rev LIMIT $4
) AS i ON true
ORDER BY c.tenant_id, c.recipient_id, i.rev

-- name: moved
-- The feeds that changed after the number in $3.
SELECT c.tenant_id, c.recipient_id
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS w (tenant_id, recipient_id, rev)
JOIN feed_counter c ON c.tenant_id = w.tenant_id AND c.recipient_id = w.recipient_id COLLATE "C"
WHERE c.last_rev <> w.rev

-- name: redeem
-- The ticket, if nobody came with it before; those that are good for nothing any more go, two for each that comes.
WITH old AS (
    DELETE FROM feed_ticket WHERE id = ANY (ARRAY (
        SELECT id FROM feed_ticket WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT 2 FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO feed_ticket (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id
