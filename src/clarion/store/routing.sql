-- name: tried
-- Every attempt at these messages, those of each in their order.
SELECT message_id, provider, status FROM attempt
WHERE message_id = ANY ($1::uuid[]) AND message_id BETWEEN $2 AND $3 ORDER BY message_id, number

-- name: note
INSERT INTO message_event (message_id, tenant_id, kind, detail)
SELECT id, tenant_id, $3, detail FROM unnest($1::uuid[], $2::uuid[], $4::text[]) AS n (id, tenant_id, detail)

-- name: explain
-- $1 ids in order, in which the rows are locked, $2-$3 their bounds; $4 why each waits. What moves a message replaces it.
UPDATE message m SET reason = n.reason
FROM (
    SELECT h.id, n.reason
    FROM unnest($1::uuid[], $4::text[]) AS n (id, reason)
    JOIN message h ON h.id = n.id AND h.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
    WHERE h.status = 'queued' AND h.reason IS DISTINCT FROM n.reason ORDER BY h.id FOR UPDATE OF h
) AS n
WHERE m.id = n.id AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)

-- name: hold_back
-- $1 ids, $2 their tenants, $3 why, $4-$5 the bounds of the ids, $6 the kind. Where this is the last that the timeline says, once is enough.
INSERT INTO message_event (message_id, tenant_id, kind, detail)
SELECT n.id, n.tenant_id, $6::text, n.detail
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (id, tenant_id, detail)
LEFT JOIN LATERAL (
    SELECT e.kind FROM message_event e
    WHERE e.message_id = n.id AND e.message_id BETWEEN (SELECT $4::uuid) AND (SELECT $5::uuid)
    ORDER BY e.at DESC LIMIT 1
) AS last ON true
WHERE last.kind IS DISTINCT FROM $6::text

-- name: tenants
SELECT id, name FROM tenant WHERE id = ANY ($1::uuid[])
