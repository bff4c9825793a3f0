-- name: lock_recipient
-- Those who register chats of one recipient come one after the other, so that they can be counted.
SELECT 1 FROM recipient WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- name: put
-- One that was disabled takes messages again: the application says that it is there.
INSERT INTO chat AS c (tenant_id, recipient_id, id, provider, account, address, sealed, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, recipient_id, id) DO UPDATE
SET provider = excluded.provider, account = excluded.account, address = excluded.address, sealed = excluded.sealed,
    digest = excluded.digest, seen_at = clock_timestamp(), disabled_at = NULL, disabled_reason = NULL
RETURNING id, provider, account, address, sealed IS NOT NULL AS sealed, created_at, seen_at, disabled_at, disabled_reason, (xmax = 0) AS created

-- name: trim
-- $3 how many a recipient may have: the others were not seen for longer.
DELETE FROM chat c WHERE tenant_id = $1 AND recipient_id = $2 AND id IN (
    SELECT id FROM chat WHERE tenant_id = $1 AND recipient_id = $2 ORDER BY seen_at DESC, id OFFSET $3
)

-- name: known
SELECT EXISTS (SELECT FROM recipient WHERE tenant_id = $1 AND id = $2)

-- name: list
SELECT id, provider, account, address, sealed IS NOT NULL AS sealed, created_at, seen_at, disabled_at, disabled_reason
FROM chat WHERE tenant_id = $1 AND recipient_id = $2 ORDER BY seen_at DESC, id

-- name: get
SELECT id, provider, account, address, sealed IS NOT NULL AS sealed, created_at, seen_at, disabled_at, disabled_reason
FROM chat WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3

-- name: delete
DELETE FROM chat WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING 1

-- name: of_people
-- Which chats of each recipient take messages, by its place in what was asked; those without any are left out.
SELECT n.place, array_agg(c.id ORDER BY c.id) AS chats
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS n (tenant_id, recipient_id, place)
JOIN chat c ON c.tenant_id = n.tenant_id AND c.recipient_id = n.recipient_id COLLATE "C" AND c.disabled_at IS NULL
GROUP BY n.place

-- name: of_messages
-- Those of the chats that messages name that still take some.
SELECT n.message_id, c.provider AS whose, c.account, c.address AS token, c.sealed, c.digest
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS n (message_id, tenant_id, recipient_id, id)
JOIN chat c ON c.tenant_id = n.tenant_id AND c.recipient_id = n.recipient_id COLLATE "C" AND c.id = n.id COLLATE "C"
WHERE c.disabled_at IS NULL

-- name: disable
-- By the address that was used at that kind of provider, or by its digest, whoever has it. In order, as others may disable
-- the same at the same time.
WITH named AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[])
        AS n (tenant_id, provider, address, digest, reason)
), found AS MATERIALIZED (
    SELECT c.tenant_id, c.recipient_id, c.id, n.reason FROM named n
    JOIN chat c ON c.tenant_id = n.tenant_id AND c.address = n.address COLLATE "C" AND c.provider = n.provider COLLATE "C"
    WHERE n.digest IS NULL AND c.sealed IS NULL
    UNION ALL
    SELECT c.tenant_id, c.recipient_id, c.id, n.reason FROM named n
    JOIN chat c ON c.tenant_id = n.tenant_id AND c.digest = n.digest AND c.provider = n.provider COLLATE "C"
), dead AS MATERIALIZED (
    SELECT c.tenant_id, c.recipient_id, c.id, found.reason FROM found JOIN chat c USING (tenant_id, recipient_id, id)
    WHERE c.disabled_at IS NULL ORDER BY c.tenant_id, c.recipient_id, c.id FOR UPDATE OF c
)
UPDATE chat c SET disabled_at = clock_timestamp(), disabled_reason = dead.reason
FROM dead WHERE c.tenant_id = dead.tenant_id AND c.recipient_id = dead.recipient_id AND c.id = dead.id
RETURNING c.id

-- name: to_seal
-- All addresses that are secrets, of all tenants: for who seals them anew, or for the first time.
SELECT tenant_id, recipient_id, id, address, sealed FROM chat WHERE sealed IS NOT NULL OR starts_with(address, 'https:')
ORDER BY tenant_id, recipient_id, id

-- name: reseal
-- Only what is still as it was read: whoever has put it since has sealed it themselves. $6-$8 how it is kept.
UPDATE chat SET address = $6, sealed = $7, digest = $8
WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 AND address = $4 AND sealed IS NOT DISTINCT FROM $5::bytea
RETURNING 1
