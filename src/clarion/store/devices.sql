-- name: lock_token
-- Two who register one token at the same time come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 3))

-- name: lock_recipient
-- Those who register devices of one recipient come one after the other, so that they can be counted.
SELECT 1 FROM recipient WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- name: take_over
-- $3 the device that has the token from now on: no other has it any more.
DELETE FROM device WHERE tenant_id = $1 AND token = $4 AND (recipient_id, id) <> ($2, $3)

-- name: put
-- One that was disabled takes messages again: the application says that it is there.
INSERT INTO device AS d (tenant_id, recipient_id, id, provider, token, platform)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, recipient_id, id) DO UPDATE
SET provider = excluded.provider, token = excluded.token, platform = excluded.platform, seen_at = clock_timestamp(),
    disabled_at = NULL, disabled_reason = NULL
RETURNING id, provider, token, platform, created_at, seen_at, disabled_at, disabled_reason, (xmax = 0) AS created

-- name: trim
-- $3 how many a recipient may have: the others were not seen for longer.
DELETE FROM device d WHERE tenant_id = $1 AND recipient_id = $2 AND id IN (
    SELECT id FROM device WHERE tenant_id = $1 AND recipient_id = $2 ORDER BY seen_at DESC, id OFFSET $3
)

-- name: known
SELECT EXISTS (SELECT FROM recipient WHERE tenant_id = $1 AND id = $2)

-- name: list
SELECT id, provider, token, platform, created_at, seen_at, disabled_at, disabled_reason
FROM device WHERE tenant_id = $1 AND recipient_id = $2 ORDER BY seen_at DESC, id

-- name: get
SELECT id, provider, token, platform, created_at, seen_at, disabled_at, disabled_reason
FROM device WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3

-- name: delete
DELETE FROM device WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING 1

-- name: of_runs
SELECT n.run_id, array(
    SELECT d.id FROM device d
    WHERE d.tenant_id = n.tenant_id AND d.recipient_id = n.recipient_id COLLATE "C" AND d.disabled_at IS NULL ORDER BY d.id
) AS devices
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (run_id, tenant_id, recipient_id)

-- name: of_messages
-- Those of the devices that messages name that still take some.
SELECT n.message_id, d.token, d.provider AS whose
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS n (message_id, tenant_id, recipient_id, id)
JOIN device d ON d.tenant_id = n.tenant_id AND d.recipient_id = n.recipient_id COLLATE "C" AND d.id = n.id COLLATE "C"
WHERE d.disabled_at IS NULL

-- name: disable
-- By the token that was used, whoever has it now; a device that has another one by now is none of them. In order, as others
-- may disable the same at the same time.
WITH dead AS MATERIALIZED (
    SELECT d.tenant_id, d.recipient_id, d.id, n.reason
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (tenant_id, token, reason)
    JOIN device d ON d.tenant_id = n.tenant_id AND d.token = n.token COLLATE "C"
    WHERE d.disabled_at IS NULL ORDER BY d.tenant_id, d.recipient_id, d.id FOR UPDATE OF d
)
UPDATE device d SET disabled_at = clock_timestamp(), disabled_reason = dead.reason
FROM dead WHERE d.tenant_id = dead.tenant_id AND d.recipient_id = dead.recipient_id AND d.id = dead.id
RETURNING d.id

-- name: disable_used
-- $1 messages, $2 digests of the tokens that were used for them, $3 reasons.
WITH dead AS MATERIALIZED (
    SELECT d.tenant_id, d.recipient_id, d.id, n.reason
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n (message_id, digest, reason)
    JOIN message m ON m.id = n.message_id AND m.channel = 'push'
    JOIN device d ON d.tenant_id = m.tenant_id AND d.recipient_id = m.recipient_id COLLATE "C"
                 AND d.id = m.address COLLATE "C"
    WHERE d.disabled_at IS NULL AND encode(sha256(convert_to(d.token, 'UTF8')), 'hex') = n.digest
    ORDER BY d.tenant_id, d.recipient_id, d.id FOR UPDATE OF d
)
UPDATE device d SET disabled_at = clock_timestamp(), disabled_reason = dead.reason
FROM dead WHERE d.tenant_id = dead.tenant_id AND d.recipient_id = dead.recipient_id AND d.id = dead.id
RETURNING d.id
