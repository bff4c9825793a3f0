-- name: messages
-- $1 ids, $2-$3 their bounds. As they are in the caller's transaction.
SELECT id, tenant_id, trigger_id, channel, status, workflow_key, recipient_id, reason, attempts, possible_duplicate,
       provider_message_id, (SELECT t.sandbox FROM trigger t WHERE t.id = message.trigger_id) AS sandbox
FROM message WHERE id = ANY ($1::uuid[]) AND id BETWEEN $2 AND $3 ORDER BY id

-- name: triggers
SELECT id, tenant_id, workflow_key, counts, sandbox FROM trigger WHERE id = ANY ($1::uuid[]) ORDER BY id

-- name: about
SELECT id, tenant_id, workflow_key, transaction_id, metadata, payload FROM trigger WHERE id = ANY ($1::uuid[])

-- name: sandboxed
-- $1 ids of jobs, which are those of the triggers, runs or messages that they are of; $2-$3 their bounds.
SELECT id FROM trigger WHERE id = ANY ($1::uuid[]) AND sandbox
UNION ALL
SELECT r.id FROM run r JOIN trigger t ON t.id = r.trigger_id
WHERE r.id = ANY ($1::uuid[]) AND r.id BETWEEN $2 AND $3 AND t.sandbox
UNION ALL
SELECT m.id FROM message m JOIN trigger t ON t.id = m.trigger_id
WHERE m.id = ANY ($1::uuid[]) AND m.id BETWEEN $2 AND $3 AND t.sandbox
