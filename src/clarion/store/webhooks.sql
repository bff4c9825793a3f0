-- name: lock_recipient
-- Those who register webhooks of one recipient come one after the other, so that they can be counted.
SELECT 1 FROM recipient WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- name: count
SELECT count(*) FROM webhook WHERE tenant_id = $1 AND recipient_id = $2

-- name: add
INSERT INTO webhook (tenant_id, recipient_id, id, url, description, workflows, secret, secret_end)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *

-- name: known
SELECT EXISTS (SELECT FROM recipient WHERE tenant_id = $1 AND id = $2)

-- name: list
SELECT *, clock_timestamp() AS now FROM webhook WHERE tenant_id = $1 AND recipient_id = $2 ORDER BY id

-- name: get
SELECT *, clock_timestamp() AS now FROM webhook WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3

-- name: change
-- Another URL is another place: what is known of how it goes there begins anew.
UPDATE webhook SET url = $4, description = $5, workflows = $6,
    failing_since = CASE WHEN url = $4 THEN failing_since END, last_error = CASE WHEN url = $4 THEN last_error END,
    paused_until = CASE WHEN url = $4 THEN paused_until END
WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING *

-- name: rotate
-- $6 for how long the secret of before signs as well; what was before that one is gone.
UPDATE webhook SET secret = $4, secret_end = $5, old_secret = CASE WHEN $6 > interval '0' THEN secret END,
    old_until = CASE WHEN $6 > interval '0' THEN clock_timestamp() + $6 END
WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING *

-- name: enable
UPDATE webhook SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, last_error = NULL, paused_until = NULL
WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING *

-- name: disable
-- One that is disabled keeps its reason.
UPDATE webhook SET disabled_at = coalesce(disabled_at, clock_timestamp()), disabled_reason = coalesce(disabled_reason, $4)
WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING *

-- name: delete
DELETE FROM webhook WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 RETURNING 1

-- name: of_runs
-- Those that want what the workflow of each run says.
SELECT n.run_id, array(
    SELECT w.id FROM webhook w
    WHERE w.tenant_id = n.tenant_id AND w.recipient_id = n.recipient_id COLLATE "C" AND w.disabled_at IS NULL
      AND (w.workflows IS NULL OR n.workflow = ANY (w.workflows)) ORDER BY w.id
) AS webhooks
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS n (run_id, tenant_id, recipient_id, workflow)

-- name: of_messages
-- The webhooks that messages name, those that take some; and the recipient's addresses, which their words may hold.
SELECT n.message_id, w.id AS webhook_id, w.url, w.secret, w.failing_since IS NOT NULL AS failing,
       CASE WHEN w.old_until > clock_timestamp() THEN w.old_secret END AS old_secret,
       w.paused_until - clock_timestamp() AS pause, c.email, c.phone
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) AS n (message_id, tenant_id, recipient_id, id)
JOIN webhook w ON w.tenant_id = n.tenant_id AND w.recipient_id = n.recipient_id COLLATE "C" AND w.id = n.id
CROSS JOIN LATERAL (
    SELECT max(address) FILTER (WHERE channel = 'email') AS email, max(address) FILTER (WHERE channel = 'sms') AS phone
    FROM contact WHERE tenant_id = w.tenant_id AND recipient_id = w.recipient_id AND preferred
) AS c
WHERE w.disabled_at IS NULL

-- name: lock
-- In order, as others may note something of the same at the same time; the clock is read behind the locks.
WITH locked AS MATERIALIZED (
    SELECT w.tenant_id, w.recipient_id, w.id, w.url, w.failing_since, w.last_error, w.paused_until
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS n (tenant_id, recipient_id, id)
    JOIN webhook w ON w.tenant_id = n.tenant_id AND w.recipient_id = n.recipient_id COLLATE "C" AND w.id = n.id
    WHERE w.disabled_at IS NULL ORDER BY w.tenant_id, w.recipient_id, w.id FOR UPDATE OF w
)
SELECT *, clock_timestamp() AS now FROM locked

-- name: note
UPDATE webhook w SET failing_since = n.failing_since, last_error = n.error, paused_until = n.paused_until,
    disabled_at = CASE WHEN n.disabled IS NOT NULL THEN clock_timestamp() END, disabled_reason = n.disabled
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::text[])
    AS n (tenant_id, recipient_id, id, failing_since, error, paused_until, disabled)
WHERE w.tenant_id = n.tenant_id AND w.recipient_id = n.recipient_id COLLATE "C" AND w.id = n.id

-- name: sealed
-- All secrets that are kept, of all tenants: for who seals them anew.
SELECT tenant_id, recipient_id, id, secret, old_secret FROM webhook ORDER BY tenant_id, recipient_id, id

-- name: reseal
-- Only what is still as it was read: a rotation in between has sealed it anew itself.
UPDATE webhook SET secret = $5, old_secret = $6 WHERE tenant_id = $1 AND recipient_id = $2 AND id = $3 AND secret = $4
