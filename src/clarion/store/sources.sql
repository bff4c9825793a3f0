-- name: number
SELECT number FROM source WHERE tenant_id = $1 AND name = $2

-- name: enlist
INSERT INTO source (tenant_id, name, number)
SELECT $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM source WHERE tenant_id = $1)
ON CONFLICT DO NOTHING

-- name: signs
WITH sign AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::int[], $6::text[], $7::timestamptz[], $8::bigint[],
                         $9::bigint[], $10::bigint[], $11::timestamptz[])
        AS n (tenant_id, source, state, in_hand, trouble, since, accepted, repeated, quarantined, last_message_at)
    ORDER BY tenant_id, source
), seen AS (
    INSERT INTO source_worker (tenant_id, source, worker, state, in_hand, trouble, since)
    SELECT tenant_id, source, $1, state, in_hand, trouble, since FROM sign
    ON CONFLICT (tenant_id, source, worker) DO UPDATE
    SET state = excluded.state, in_hand = excluded.in_hand, trouble = excluded.trouble, since = excluded.since,
        seen_at = clock_timestamp()
)
UPDATE source s
SET accepted = s.accepted + n.accepted, repeated = s.repeated + n.repeated, quarantined = s.quarantined + n.quarantined,
    last_message_at = greatest(s.last_message_at, n.last_message_at)
FROM sign n WHERE s.tenant_id = n.tenant_id AND s.number = n.source AND n.last_message_at IS NOT NULL

-- name: leave
DELETE FROM source_worker WHERE worker = $1

-- name: list
SELECT s.name, s.accepted, s.repeated, s.quarantined, s.last_message_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('worker', w.worker, 'state', w.state, 'in_hand', w.in_hand,
                                                     'trouble', w.trouble, 'since', w.since) ORDER BY w.worker)
                 FROM source_worker w
                 WHERE w.tenant_id = s.tenant_id AND w.source = s.number AND w.seen_at > clock_timestamp() - $2::interval),
                '[]') AS workers
FROM source s WHERE s.tenant_id = $1 ORDER BY s.name

-- name: prune
WITH gone AS (DELETE FROM source_worker WHERE seen_at < clock_timestamp() - $1::interval RETURNING worker)
SELECT count(*) FROM gone
