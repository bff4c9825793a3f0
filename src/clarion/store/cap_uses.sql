-- name: use
-- $1 scope, $2 JSON: [{"t": tenant, "r": recipient, "ids": messages}], $3 how many count at most, $4 ids from before the
-- window, $5 when none of these counts any more. A row that is there is locked before it is looked at, and looked at as it
-- is then. What is not seen of a message yet, for whoever made it has only just committed, counts.
INSERT INTO cap_use AS c (tenant_id, scope, recipient_id, message_ids, until)
SELECT t, $1, r, ids[1:$3::int], $5 FROM jsonb_to_recordset($2::jsonb) AS asked (t uuid, r text, ids uuid[]) ORDER BY t, r
ON CONFLICT (tenant_id, scope, recipient_id) DO UPDATE
SET until = excluded.until, message_ids = (
    SELECT kept.ids || excluded.message_ids[1:$3 - cardinality(kept.ids)] FROM (
        SELECT coalesce(array_agg(used.id ORDER BY used.id), '{}') AS ids FROM unnest(c.message_ids) AS used (id)
        WHERE used.id > $4::uuid AND NOT EXISTS (
            SELECT FROM message m JOIN trigger t ON t.id = m.trigger_id
            WHERE m.id = used.id AND (m.status IN ('failed', 'cancelled', 'expired', 'skipped') OR t.sandbox)
        )
    ) AS kept
)
RETURNING tenant_id, recipient_id, message_ids

-- name: count
-- $1 scope, $2 tenant, $3 recipient, $4 ids from before the window: how many count, as `use` sees them.
SELECT count(*) FROM cap_use c, unnest(c.message_ids) AS used (id)
WHERE c.scope = $1 AND c.tenant_id = $2 AND c.recipient_id = $3 AND used.id > $4::uuid AND NOT EXISTS (
    SELECT FROM message m JOIN trigger t ON t.id = m.trigger_id
    WHERE m.id = used.id AND (m.status IN ('failed', 'cancelled', 'expired', 'skipped') OR t.sandbox)
)

-- name: prune
WITH gone AS (
    DELETE FROM cap_use WHERE (tenant_id, scope, recipient_id) IN (
        SELECT tenant_id, scope, recipient_id FROM cap_use WHERE until < now() - $1::interval
        ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING 1
)
SELECT count(*) FROM gone
