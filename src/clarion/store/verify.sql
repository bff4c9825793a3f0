-- Each query answers the ids of the rows that break its rule. All run in one snapshot, so that work in progress breaks none.
-- They cross from messages to jobs on purpose: that the two agree is what is to be shown.

-- name: open_trigger_has_job
-- A buried one will do: it was put away for killing workers, is told by `doctor`, and goes on when it is redriven.
SELECT t.id::text AS id FROM trigger t
WHERE t.status IN ('accepted', 'expanding') AND NOT EXISTS (SELECT FROM job j WHERE j.id = t.id)
  AND NOT EXISTS (SELECT FROM job_buried b WHERE b.id = t.id)

-- name: open_message_has_job
SELECT m.id::text AS id FROM message m
WHERE m.status IN ('queued', 'sending') AND NOT EXISTS (SELECT FROM job j WHERE j.id = m.id)

-- name: job_has_message
SELECT j.id::text AS id FROM job j
WHERE j.kind = 'deliver' AND NOT EXISTS (SELECT FROM message m WHERE m.id = j.id)

-- name: sending_has_intent
SELECT m.id::text AS id FROM message m
WHERE m.status = 'sending'
  AND NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id AND a.number = m.attempts)

-- name: attempts_are_numbered
-- Every attempt was counted by the message before anything was handed to a provider.
SELECT a.message_id::text AS id
FROM attempt a LEFT JOIN message m ON m.id = a.message_id
GROUP BY a.message_id, m.id, m.attempts
HAVING m.id IS NULL OR count(*) <> m.attempts OR max(a.number) <> m.attempts

-- name: sent_has_proof
SELECT m.id::text AS id FROM message m
WHERE m.channel <> 'in_app' AND m.status IN ('sent', 'delivered', 'bounced')
  AND (m.provider_message_id IS NULL
       OR NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id AND a.status IN ('accepted', 'uncertain')))

-- name: reports_are_noted
-- What a provider told moved the message and stands in its timeline, or neither.
SELECT m.id::text AS id FROM message m
WHERE m.channel <> 'in_app' AND m.status IN ('delivered', 'bounced')
  AND NOT EXISTS (SELECT FROM message_event e WHERE e.message_id = m.id AND e.kind = m.status)

-- name: duplicates_are_labelled
-- Taken, or perhaps taken, more than once: then the message must say so.
SELECT m.id::text AS id FROM message m
JOIN attempt a ON a.message_id = m.id AND a.status IN ('accepted', 'uncertain')
WHERE NOT m.possible_duplicate
GROUP BY m.id HAVING count(*) > 1

-- name: hold_is_never_repeated
-- What the workflow says, or else the channel's own default.
SELECT m.id::text AS id FROM message m
JOIN trigger t ON t.id = m.trigger_id
JOIN workflow_version v ON v.id = t.workflow_version_id
    AND coalesce(v.definition ->> 'on_uncertain', CASE m.channel WHEN 'sms' THEN 'hold' END) IN ('hold', 'verify')
JOIN attempt a ON a.message_id = m.id AND a.status IN ('accepted', 'uncertain')
WHERE NOT EXISTS (SELECT FROM message_event e WHERE e.message_id = m.id AND e.kind IN ('retried', 'redriven'))
GROUP BY m.id HAVING count(*) > 1

-- name: intents_precede_ends
SELECT a.message_id::text AS id FROM attempt a WHERE a.ended_at < a.intended_at

-- name: no_intent_is_left_alone
-- $1 is two leases. Somebody must hold the job of a message that is being sent, or have taken it over by now.
SELECT a.message_id::text AS id
FROM attempt a JOIN message m ON m.id = a.message_id AND m.status = 'sending' AND m.attempts = a.number
LEFT JOIN job j ON j.id = a.message_id
WHERE a.status = 'intent' AND a.intended_at < now() - $1::interval
  AND (j.id IS NULL OR j.state = 0 AND j.run_at < now() - $1::interval
       OR j.state = 1 AND j.lease_until < now() - $1::interval)

-- name: nothing_is_overdue
SELECT m.id::text AS id FROM message m
JOIN job j ON j.id = m.id
LEFT JOIN queue q ON q.name = j.queue
WHERE m.status IN ('queued', 'sending') AND m.expires_at < now() - interval '1 hour' AND q.paused_at IS NULL

-- name: nothing_is_sent_after_cancel
SELECT a.message_id::text AS id
FROM trigger_cancel c JOIN message m ON m.trigger_id = c.trigger_id JOIN attempt a ON a.message_id = m.id
WHERE a.intended_at > c.created_at

-- name: counts_equal_rows
WITH oldest AS (  -- what left with its partition is not compared
    SELECT to_timestamp(min(substr(relname, 9)), 'IYYY"_w"IW') AS week FROM pg_class
    WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$'
), rows AS (
    SELECT trigger_id, channel, status, count(*) AS n FROM message GROUP BY trigger_id, channel, status
), folded AS (
    SELECT t.id AS trigger_id, c.key AS channel, s.key AS status, s.value::text::bigint AS n
    FROM trigger t CROSS JOIN LATERAL jsonb_each(t.counts) c CROSS JOIN LATERAL jsonb_each(c.value) s
), kept AS (
    SELECT trigger_id, channel, s.status, s.n::bigint
    FROM trigger_count CROSS JOIN LATERAL (VALUES
        ('queued', queued), ('sending', sending), ('sent', sent), ('delivered', delivered), ('failed', failed),
        ('bounced', bounced), ('skipped', skipped), ('cancelled', cancelled), ('expired', expired), ('unknown', unknown)
    ) AS s (status, n)
), counted AS (
    SELECT trigger_id, channel, status, sum(n) AS n FROM (SELECT * FROM folded UNION ALL SELECT * FROM kept) AS both_kinds
    GROUP BY trigger_id, channel, status
)
SELECT DISTINCT trigger_id::text AS id
FROM rows FULL JOIN counted USING (trigger_id, channel, status) LEFT JOIN trigger t ON t.id = trigger_id
WHERE coalesce(rows.n, 0) <> coalesce(counted.n, 0) AND coalesce(t.created_at, now()) >= (SELECT week FROM oldest)

-- name: runs_equal_expanded
WITH oldest AS (  -- what left with its partition is not compared
    SELECT to_timestamp(min(substr(relname, 9)), 'IYYY"_w"IW') AS week FROM pg_class
    WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$'
)
SELECT t.id::text AS id FROM trigger t
LEFT JOIN (SELECT trigger_id, count(*) AS n, count(DISTINCT recipient_id) AS people FROM run GROUP BY trigger_id) r
    ON r.trigger_id = t.id
WHERE (coalesce(r.n, 0) <> t.expanded OR coalesce(r.people, 0) <> t.expanded) AND t.created_at >= (SELECT week FROM oldest)

-- name: waiting_run_has_job
-- A buried one will do, as for a trigger.
SELECT r.id::text AS id FROM run r
WHERE r.status = 'running' AND NOT EXISTS (SELECT FROM job j WHERE j.id = r.id AND j.kind = 'advance')
  AND NOT EXISTS (SELECT FROM job_buried b WHERE b.id = r.id)

-- name: job_has_waiting_run
SELECT j.id::text AS id FROM job j
WHERE j.kind = 'advance' AND NOT EXISTS (SELECT FROM run r WHERE r.id = j.id AND r.status = 'running')

-- name: waiting_equals_rows
-- And whoever waits is known to: its trigger must not be completed, nor be looked at over and over.
SELECT coalesce(r.trigger_id, w.trigger_id)::text AS id
FROM (SELECT trigger_id, count(*) AS n FROM run WHERE status = 'running' GROUP BY trigger_id) r
FULL JOIN (SELECT trigger_id, sum(waiting) AS n FROM trigger_waiting GROUP BY trigger_id) w USING (trigger_id)
LEFT JOIN trigger t ON t.id = coalesce(r.trigger_id, w.trigger_id)
WHERE coalesce(r.n, 0) <> coalesce(w.n, 0) OR r.n > 0 AND (t.waits IS NOT TRUE OR t.status = 'completed')

-- name: completed_has_nothing_open
-- What was retried by hand afterwards is open again, and says so.
SELECT DISTINCT t.id::text AS id FROM trigger t JOIN message m ON m.trigger_id = t.id
WHERE t.status = 'completed' AND m.status IN ('queued', 'sending')
  AND NOT EXISTS (SELECT FROM message_event e WHERE e.message_id = m.id AND e.kind IN ('retried', 'redriven'))

-- name: in_app_is_in_the_feed
WITH oldest AS (  -- what left with its partition is not compared
    SELECT to_timestamp(min(substr(relname, 9)), 'IYYY"_w"IW') AS week FROM pg_class
    WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$'
)
SELECT coalesce(m.id, f.message_id)::text AS id
FROM (SELECT id, recipient_id, tenant_id FROM message WHERE channel = 'in_app' AND status = 'delivered') m
FULL JOIN feed_item f ON f.message_id = m.id
WHERE f.message_id IS NULL AND EXISTS (SELECT FROM recipient r WHERE r.tenant_id = m.tenant_id AND r.id = m.recipient_id)
   OR m.id IS NULL AND f.created_at >= (SELECT week FROM oldest)

-- name: feed_counters_equal_rows
SELECT coalesce(c.recipient_id, i.recipient_id) AS id
FROM feed_counter c
FULL JOIN (
    SELECT tenant_id, recipient_id, max(seq) AS last_seq, max(rev) AS last_rev, count(*) FILTER (WHERE here) AS total,
           count(*) FILTER (WHERE here AND seen_at IS NULL) AS unseen,
           count(*) FILTER (WHERE here AND read_at IS NULL) AS unread
    FROM (SELECT *, archived_at IS NULL AND snoozed_until IS NULL AS here FROM feed_item) AS f
    GROUP BY tenant_id, recipient_id
) i USING (tenant_id, recipient_id)
WHERE coalesce(c.total, 0) <> coalesce(i.total, 0) OR coalesce(c.unseen, 0) <> coalesce(i.unseen, 0)
   OR coalesce(c.unread, 0) <> coalesce(i.unread, 0) OR coalesce(c.last_seq, 0) < coalesce(i.last_seq, 0)
   OR coalesce(c.last_rev, 0) < coalesce(i.last_rev, 0)

-- name: topic_counts_equal_rows
SELECT t.key AS id FROM topic t
LEFT JOIN (SELECT tenant_id, topic_key, count(*) AS n FROM topic_member GROUP BY tenant_id, topic_key) m
    ON m.tenant_id = t.tenant_id AND m.topic_key = t.key
WHERE t.member_count <> coalesce(m.n, 0)

-- name: keys_are_unique
SELECT idempotency_key AS id FROM trigger WHERE idempotency_key IS NOT NULL
GROUP BY tenant_id, idempotency_key HAVING count(*) > 1

-- name: inbound_has_its_triggers
-- Triggers go with their age; the rows of what came in stay for ever.
WITH oldest AS (
    SELECT to_timestamp(min(substr(relname, 9)), 'IYYY"_w"IW') AS week FROM pg_class
    WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$'
)
SELECT DISTINCT i.id::text AS id FROM inbound i CROSS JOIN LATERAL unnest(i.triggers) AS g (id)
WHERE i.at >= (SELECT week FROM oldest) AND NOT EXISTS (SELECT FROM trigger t WHERE t.id = g.id AND t.tenant_id = i.tenant_id)

-- name: quarantined_is_kept
-- Both ways: what is marked so lies there, and what lies there is marked so.
WITH oldest AS (
    SELECT to_timestamp(min(substr(relname, 9)), 'IYYY"_w"IW') AS week FROM pg_class
    WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$'
)
SELECT coalesce(i.id, q.inbound_id)::text AS id
FROM (SELECT id, state FROM inbound WHERE state <> 0 AND at >= (SELECT week FROM oldest)) i
FULL JOIN (SELECT inbound_id, redriven_at FROM quarantine WHERE at >= (SELECT week FROM oldest)) q ON q.inbound_id = i.id
WHERE i.id IS NULL OR q.inbound_id IS NULL OR (i.state = 1) <> (q.redriven_at IS NULL)

-- name: pending_timer_has_job
-- A buried one will do, as with triggers: it fires when it is redriven.
SELECT t.id::text AS id FROM timer t
WHERE t.status = 'pending' AND NOT EXISTS (SELECT FROM job j WHERE j.id = t.id)
  AND NOT EXISTS (SELECT FROM job_buried b WHERE b.id = t.id)

-- name: job_has_timer
SELECT j.id::text AS id FROM job j
WHERE j.queue = 'timers' AND NOT EXISTS (SELECT FROM timer t WHERE t.id = j.id AND t.key = j.key)

-- name: no_timer_is_early
SELECT id::text AS id FROM timer WHERE fired_at < fire_at

-- name: no_timer_is_late
SELECT t.id::text AS id FROM timer t JOIN job j ON j.id = t.id
WHERE t.status = 'pending' AND t.fire_at < now() - interval '1 hour' AND j.run_at < now() - interval '1 hour'
  AND NOT EXISTS (SELECT FROM queue q WHERE q.name = j.queue AND q.paused_at IS NOT NULL)

-- name: schedule_has_job
-- One that is paused has none, and one whose line never fires again.
SELECT s.key AS id FROM schedule s
WHERE s.paused_at IS NULL AND s.next_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM job j WHERE j.tenant_id = s.tenant_id AND j.queue = 'schedules' AND j.key = s.key)

-- name: one_run_per_nominal_time
-- Counted from the rows themselves, so that an index that is broken is found too.
SELECT r.schedule_key || ' ' || r.nominal_at AS id FROM schedule_run r
WHERE NOT r.manual GROUP BY r.tenant_id, r.schedule_key, r.nominal_at HAVING count(*) > 1
