-- name: lock
-- Who changes the addresses of a recipient does it one after the other; in the order of the ids, so that nobody waits for each other.
SELECT id, clock_timestamp() AS now FROM recipient WHERE tenant_id = $1 AND id = ANY ($2::text[]) ORDER BY id FOR NO KEY UPDATE

-- name: known
SELECT true FROM recipient WHERE tenant_id = $1 AND id = $2

-- name: list
SELECT recipient_id, channel, address, mailbox, preferred, verified_at, created_at, coalesce(seen_at, created_at) AS seen_at,
       quarantined_at, quarantine_reason
FROM contact WHERE tenant_id = $1 AND recipient_id = ANY ($2::text[])

-- name: save
-- $2 recipients, $3 channels, $4 addresses, $5 mailboxes, $6 preferred, $7 verified, $8 seen, $9 set aside, $10 why, $11 made.
INSERT INTO contact AS c (tenant_id, recipient_id, channel, address, mailbox, preferred, verified_at, seen_at, quarantined_at,
                          quarantine_reason, created_at)
SELECT $1, n.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::timestamptz[], $8::timestamptz[],
                               $9::timestamptz[], $10::text[], $11::timestamptz[]) AS n
ON CONFLICT (tenant_id, recipient_id, channel, mailbox) DO UPDATE
SET address = excluded.address, preferred = excluded.preferred, verified_at = excluded.verified_at, seen_at = excluded.seen_at,
    quarantined_at = excluded.quarantined_at, quarantine_reason = excluded.quarantine_reason

-- name: drop
DELETE FROM contact c USING unnest($2::text[], $3::text[], $4::text[]) AS n (recipient_id, channel, mailbox)
WHERE c.tenant_id = $1 AND c.recipient_id = n.recipient_id AND c.channel = n.channel AND c.mailbox = n.mailbox

-- name: verified
-- Where each of these recipients ($1 tenants, $2 ids) is reached at a verified address, the preferred one first.
SELECT DISTINCT ON (k.place, c.channel) k.place, c.channel, c.address
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (tenant_id, recipient_id, place)
JOIN contact c ON c.tenant_id = k.tenant_id AND c.recipient_id = k.recipient_id COLLATE "C"
WHERE c.verified_at IS NOT NULL AND c.quarantined_at IS NULL
ORDER BY k.place, c.channel, c.preferred DESC, c.created_at, c.mailbox

-- name: others
-- The other verified addresses ($1 tenants, $2 recipients, $3 channels, $4 the mailbox that is not meant), in their order.
SELECT k.place, c.address
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (tenant_id, recipient_id, channel, mailbox, place)
JOIN contact c ON c.tenant_id = k.tenant_id AND c.recipient_id = k.recipient_id COLLATE "C" AND c.channel = k.channel COLLATE "C"
WHERE c.verified_at IS NOT NULL AND c.quarantined_at IS NULL AND c.mailbox <> k.mailbox
ORDER BY k.place, c.preferred DESC, c.created_at, c.mailbox
