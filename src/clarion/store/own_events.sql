-- name: messages
-- $1 ids, $2-$3 their bounds. As they are in the caller's transaction.
SELECT id, tenant_id, trigger_id, channel, status, workflow_key, recipient_id, reason, attempts, possible_duplicate,
       provider_message_id
FROM message WHERE id = ANY ($1::uuid[]) AND id BETWEEN $2 AND $3 ORDER BY id

-- name: triggers
SELECT id, tenant_id, workflow_key, counts FROM trigger WHERE id = ANY ($1::uuid[]) ORDER BY id

-- name: about
SELECT id, tenant_id, workflow_key, transaction_id, metadata, payload FROM trigger WHERE id = ANY ($1::uuid[])
