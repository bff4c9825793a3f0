-- name: tried
-- Every attempt at these messages, those of each in their order.
SELECT message_id, provider, status FROM attempt
WHERE message_id = ANY ($1::uuid[]) AND message_id BETWEEN $2 AND $3 ORDER BY message_id, number

-- name: note
INSERT INTO message_event (message_id, tenant_id, kind, detail)
SELECT id, tenant_id, $3, detail FROM unnest($1::uuid[], $2::uuid[], $4::text[]) AS n (id, tenant_id, detail)

-- name: tenants
SELECT id, name FROM tenant WHERE id = ANY ($1::uuid[])
