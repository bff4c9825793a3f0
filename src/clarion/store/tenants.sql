-- name: ensure
-- The update changes nothing: it makes RETURNING answer for a row that was there.
INSERT INTO tenant (id, name) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id

-- name: find
SELECT id, name, created_at FROM tenant WHERE name = $1

-- name: names
SELECT id, name FROM tenant WHERE id = ANY ($1::uuid[])

-- name: list
SELECT id, name, created_at FROM tenant ORDER BY id
