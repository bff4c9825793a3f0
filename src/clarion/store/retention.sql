-- name: triggers
-- Ended long ago ($3): one whose runs waited for months leaves with what came of it. Their messages left with their
-- partitions, or are about to; an idempotency key lives as long as its row.
WITH gone AS (
    DELETE FROM trigger WHERE id = ANY (ARRAY (
        SELECT id FROM trigger
        WHERE id < $1 AND status IN ('completed', 'cancelled') AND coalesce(completed_at, cancelled_at) < $3
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING id
), counts AS (
    DELETE FROM trigger_count WHERE trigger_id IN (SELECT id FROM gone)
), waiting AS (
    DELETE FROM trigger_waiting WHERE trigger_id IN (SELECT id FROM gone)
), tombstones AS (
    DELETE FROM trigger_cancel WHERE trigger_id IN (SELECT id FROM gone)
)
SELECT count(*) FROM gone

-- name: feed
-- An item that goes is no longer counted.
WITH gone AS (
    DELETE FROM feed_item WHERE message_id = ANY (ARRAY (
        SELECT message_id FROM feed_item WHERE message_id < $1 ORDER BY message_id LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING tenant_id, recipient_id, seen_at, read_at, archived_at IS NULL AND snoozed_until IS NULL AS here
), less AS (
    SELECT tenant_id, recipient_id, count(*) FILTER (WHERE here) AS total,
           count(*) FILTER (WHERE here AND seen_at IS NULL) AS unseen,
           count(*) FILTER (WHERE here AND read_at IS NULL) AS unread
    FROM gone GROUP BY tenant_id, recipient_id
), counted AS (
    UPDATE feed_counter c SET total = c.total - l.total, unseen = c.unseen - l.unseen, unread = c.unread - l.unread
    FROM less l WHERE c.tenant_id = l.tenant_id AND c.recipient_id = l.recipient_id
)
SELECT count(*) FROM gone

-- name: timers
WITH gone AS (
    DELETE FROM timer WHERE id = ANY (ARRAY (
        SELECT id FROM timer
        WHERE status <> 'pending' AND updated_at <= now() - $1::interval
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: schedule_runs
WITH gone AS (
    DELETE FROM schedule_run WHERE id = ANY (ARRAY (
        SELECT id FROM schedule_run WHERE id < $1 AND status <> 'pending' ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1
)
SELECT count(*) FROM gone

-- name: count_triggers
SELECT count(*) FROM trigger
WHERE id < $1 AND status IN ('completed', 'cancelled') AND coalesce(completed_at, cancelled_at) < $2

-- name: count_timers
SELECT count(*) FROM timer WHERE status <> 'pending' AND updated_at <= now() - $1::interval

-- name: count_feed
SELECT count(*) FROM feed_item WHERE message_id < $1

-- name: count_schedule_runs
SELECT count(*) FROM schedule_run WHERE id < $1 AND status <> 'pending'
