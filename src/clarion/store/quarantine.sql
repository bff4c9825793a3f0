-- name: add
INSERT INTO quarantine (id, tenant_id, inbound_id, source, message_id, subject, reason, headers, size, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: list
SELECT q.id, s.name AS source, q.message_id, q.subject, q.reason, q.size, q.at, q.redriven_at
FROM quarantine q JOIN source s ON s.tenant_id = q.tenant_id AND s.number = q.source
WHERE q.tenant_id = $1 AND q.id < $2 AND ($4::text IS NULL OR s.name = $4)
ORDER BY q.id DESC LIMIT $3

-- name: list_waiting
SELECT q.id, s.name AS source, q.message_id, q.subject, q.reason, q.size, q.at, q.redriven_at
FROM quarantine q JOIN source s ON s.tenant_id = q.tenant_id AND s.number = q.source
WHERE q.tenant_id = $1 AND q.id < $2 AND q.redriven_at IS NULL AND ($4::text IS NULL OR s.name = $4)
ORDER BY q.id DESC LIMIT $3

-- name: get
SELECT q.id, q.inbound_id, q.source AS number, s.name AS source, q.message_id, q.subject, q.reason, q.headers, q.size, q.body,
       q.at, q.redriven_at, i.triggers
FROM quarantine q JOIN source s ON s.tenant_id = q.tenant_id AND s.number = q.source
LEFT JOIN inbound i ON i.id = q.inbound_id
WHERE q.tenant_id = $1 AND q.id = $2

-- name: waiting
SELECT id FROM quarantine WHERE tenant_id = $1 AND redriven_at IS NULL ORDER BY id LIMIT $2

-- name: take
SELECT true FROM quarantine WHERE tenant_id = $1 AND id = $2 AND redriven_at IS NULL FOR UPDATE SKIP LOCKED

-- name: redriven
UPDATE quarantine SET redriven_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2

-- name: still
UPDATE quarantine SET reason = $3 WHERE tenant_id = $1 AND id = $2 AND redriven_at IS NULL

-- name: prune
WITH gone AS (
    DELETE FROM quarantine WHERE id = ANY (ARRAY (
        SELECT id FROM quarantine WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING id
), unasked AS (
    DELETE FROM inbound_suspect WHERE id = ANY (ARRAY (
        SELECT id FROM inbound_suspect WHERE at < clock_timestamp() - interval '30 days' LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING id
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM unasked)
