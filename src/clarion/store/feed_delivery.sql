-- name: deliver
-- The items of one transaction, in the order of their messages; each recipient's numbers go on without a gap.
WITH item AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::jsonb[])
        AS i (message_id, tenant_id, recipient_id, workflow_key, category, title, body, url, data)
), counter AS (
    INSERT INTO feed_counter AS c (tenant_id, recipient_id, last_seq, last_rev, total, unseen, unread)
    SELECT tenant_id, recipient_id, count(*), count(*), count(*), count(*), count(*)
    FROM item GROUP BY tenant_id, recipient_id ORDER BY tenant_id, recipient_id
    ON CONFLICT (tenant_id, recipient_id) DO UPDATE
    SET last_seq = c.last_seq + excluded.last_seq, last_rev = c.last_rev + excluded.last_rev,
        total = c.total + excluded.total, unseen = c.unseen + excluded.unseen, unread = c.unread + excluded.unread
    RETURNING tenant_id, recipient_id, last_seq, last_rev
), placed AS (
    SELECT i.*, c.last_seq, c.last_rev,
           row_number() OVER (PARTITION BY i.tenant_id, i.recipient_id ORDER BY i.message_id DESC) - 1 AS behind
    FROM item i JOIN counter c USING (tenant_id, recipient_id)
)
INSERT INTO feed_item (message_id, tenant_id, seq, rev, recipient_id, workflow_key, category, title, body, url, data)
SELECT message_id, tenant_id, last_seq - behind, last_rev - behind, recipient_id, workflow_key, category, title, body, url, data
FROM placed
