-- name: known
-- $2 the state of those in quarantine.
SELECT i.id, i.triggers,
       CASE WHEN i.state = $2 THEN (SELECT q.reason FROM quarantine q WHERE q.inbound_id = i.id) END AS reason
FROM inbound i WHERE i.id = ANY ($1::uuid[])

-- name: add
-- $3 ids, $4 what is shown of the messages' own ids, $5 states, $6 triggers, $7 what else they caused.
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at)
INSERT INTO inbound (id, tenant_id, at, triggers, source, state, message_id, did)
SELECT n.id, $1::uuid, (SELECT at FROM moment), n.triggers::uuid[], $2::smallint, n.state, n.message_id,
       string_to_array(n.did, E'\n')
FROM unnest($3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::text[]) AS n (id, message_id, state, triggers, did)
ON CONFLICT (id) DO NOTHING RETURNING id

-- name: redriven
UPDATE inbound SET triggers = $3::uuid[], state = $4::smallint, did = $5::text[] WHERE tenant_id = $1 AND id = $2

-- name: recent
-- A row's time is not before its transaction began, so all rows before the oldest open one are there.
SELECT i.id, i.at, s.name AS source, i.message_id, i.state, i.triggers, i.did,
       array(SELECT (SELECT t.workflow_key FROM trigger t WHERE t.id = g.id AND t.tenant_id = i.tenant_id)
             FROM unnest(i.triggers) WITH ORDINALITY AS g (id, place) ORDER BY g.place) AS workflows,
       CASE WHEN i.state > 0 THEN (SELECT q.id FROM quarantine q WHERE q.inbound_id = i.id) END AS quarantine_id,
       CASE WHEN i.state > 0 THEN (SELECT q.reason FROM quarantine q WHERE q.inbound_id = i.id) END AS reason
FROM inbound i
JOIN source s ON s.tenant_id = i.tenant_id AND s.number = i.source
WHERE i.tenant_id = $1
  AND i.at >= $2::timestamptz
  AND i.at < (SELECT least(min(xact_start), clock_timestamp() - interval '50 milliseconds') FROM pg_stat_activity
              WHERE datname = current_database() AND backend_xid IS NOT NULL)
  AND (i.at, i.id) > ($2::timestamptz, $3::uuid)
  AND ($5::text IS NULL OR s.name = $5)
ORDER BY i.at, i.id LIMIT $4

-- name: suspects
-- $2 who asks: that it had one itself before says nothing, for it lives.
SELECT id, deaths + (worker <> $2)::int AS deaths FROM inbound_suspect WHERE id = ANY ($1::uuid[])

-- name: suspect
-- $2 ids, $3 how many had each before, $4 who has them now.
INSERT INTO inbound_suspect AS s (id, tenant_id, worker, deaths)
SELECT n.id, $1, $4, n.deaths FROM unnest($2::uuid[], $3::smallint[]) AS n (id, deaths)
ON CONFLICT (id) DO UPDATE SET worker = excluded.worker, deaths = excluded.deaths, at = clock_timestamp()

-- name: clear
DELETE FROM inbound_suspect WHERE id = ANY ($1::uuid[])
