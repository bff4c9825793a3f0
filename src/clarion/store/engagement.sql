-- name: note
-- Per kind of what was done with a message: $1 messages in order, $2-$3 their bounds, $4 tenants, $5 kinds, $6 whether by a
-- machine, $7 first and $8 last time, $9 how often; $10: so soon after it was sent, whoever it is counts as a machine. What is
-- not known to be sent yet was just handed over, and so too soon. Answers how many were of messages that there are.
WITH said AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $4::uuid[], $5::text[], $6::bool[], $7::timestamptz[], $8::timestamptz[], $9::int[])
        AS s (message_id, tenant_id, kind, machine, first_at, last_at, hits)
), known AS MATERIALIZED (
    SELECT s.message_id, s.tenant_id, s.kind, s.machine OR coalesce(s.first_at < m.sent_at + $10::interval, true) AS machine,
           min(s.first_at) AS first_at, max(s.last_at) AS last_at, sum(s.hits)::int AS hits
    FROM said s JOIN message m ON m.id = s.message_id AND m.tenant_id = s.tenant_id
    WHERE m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
    GROUP BY 1, 2, 3, 4
), kept AS (
    INSERT INTO engagement AS e (message_id, kind, machine, tenant_id, first_at, last_at, hits)
    SELECT message_id, kind, machine, tenant_id, first_at, last_at, hits FROM known ORDER BY message_id, kind, machine
    ON CONFLICT (message_id, kind, machine) DO UPDATE
    SET first_at = least(e.first_at, excluded.first_at), last_at = greatest(e.last_at, excluded.last_at),
        hits = e.hits + excluded.hits
), person AS MATERIALIZED (
    SELECT message_id AS id, min(first_at) AS opened_at, min(first_at) FILTER (WHERE kind = 'clicked') AS clicked_at
    FROM known WHERE NOT machine GROUP BY message_id
), held AS MATERIALIZED (
    SELECT m.id FROM message m JOIN person p ON p.id = m.id
    WHERE m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
      AND (m.opened_at IS NULL OR m.clicked_at IS NULL AND p.clicked_at IS NOT NULL)
    ORDER BY m.id FOR NO KEY UPDATE OF m
), stamped AS (
    UPDATE message m
    SET opened_at = coalesce(m.opened_at, p.opened_at), clicked_at = coalesce(m.clicked_at, p.clicked_at)
    FROM person p JOIN held h ON h.id = p.id
    WHERE m.id = p.id AND m.id BETWEEN (SELECT $2::uuid) AND (SELECT $3::uuid)
)
SELECT count(*) FROM known

-- name: of_message
SELECT kind, machine, first_at, last_at, hits FROM engagement
WHERE message_id = $2 AND tenant_id = $1 ORDER BY first_at, kind
