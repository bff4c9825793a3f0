-- name: standings
-- One statement, so one snapshot: the counts of a trigger move from its slots into its row when it completes.
SELECT t.id, t.status, t.expanded, t.total, t.counts, c.*,
       CASE WHEN t.status = 'completed' THEN (
           SELECT m.reason FROM message m
           WHERE m.trigger_id = t.id AND m.status IN ('failed', 'bounced', 'expired', 'unknown') LIMIT 1
       ) END AS reason
FROM trigger t
LEFT JOIN LATERAL (
    SELECT sum(queued)::bigint AS queued, sum(sending)::bigint AS sending, sum(sent)::bigint AS sent,
           sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed, sum(bounced)::bigint AS bounced,
           sum(skipped)::bigint AS skipped, sum(cancelled)::bigint AS cancelled, sum(expired)::bigint AS expired,
           sum(unknown)::bigint AS unknown
    FROM trigger_count WHERE trigger_id = t.id
) AS c ON true
WHERE t.id = ANY ($1::uuid[])
