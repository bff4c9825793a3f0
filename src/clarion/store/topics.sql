-- name: get
SELECT key, name, member_count, created_at, updated_at FROM topic WHERE tenant_id = $1 AND key = $2

-- name: list
SELECT key, name, member_count, created_at, updated_at FROM topic
WHERE tenant_id = $1 AND key > $2 ORDER BY key LIMIT $3

-- name: put
INSERT INTO topic (tenant_id, key, name) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, key) DO UPDATE SET name = excluded.name, updated_at = clock_timestamp()
RETURNING key, name, member_count, created_at, updated_at, (xmax = 0) AS created

-- name: delete
-- The members go by the foreign key.
DELETE FROM topic WHERE tenant_id = $1 AND key = $2 RETURNING key

-- name: add_members
WITH added AS (
    INSERT INTO topic_member (tenant_id, topic_key, recipient_id)
    SELECT $1, $2, g.id FROM (SELECT DISTINCT id COLLATE "C" AS id FROM unnest($3::text[]) AS u (id)) g ORDER BY g.id
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM added

-- name: lock
SELECT 1 FROM topic WHERE tenant_id = $1 AND key = $2 FOR NO KEY UPDATE

-- name: remove_members
WITH removed AS (
    DELETE FROM topic_member WHERE tenant_id = $1 AND topic_key = $2 AND recipient_id = ANY($3::text[]) RETURNING 1
)
SELECT count(*) FROM removed

-- name: count
UPDATE topic SET member_count = member_count + $3 WHERE tenant_id = $1 AND key = $2 RETURNING member_count
