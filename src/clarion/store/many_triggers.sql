-- name: names
-- What many triggers of several tenants name: $1-$2 workflows, $3-$4 recipients, $5-$6 topics, each once. A row for each
-- workflow and topic that is there, and for each recipient that is not.
SELECT 'workflow' AS kind, g.tenant_id, g.key, v.id AS version_id, NULL::bigint AS members
FROM unnest($1::uuid[], $2::text[]) AS g (tenant_id, key) CROSS JOIN LATERAL (
    SELECT v.id FROM workflow w JOIN workflow_version v
      ON v.tenant_id = w.tenant_id AND v.workflow_key = w.key AND v.version = w.current_version
    WHERE w.tenant_id = g.tenant_id AND w.key = g.key COLLATE "C"
) AS v
UNION ALL
SELECT 'recipient', g.tenant_id, g.id, NULL, NULL FROM unnest($3::uuid[], $4::text[]) AS g (tenant_id, id)
WHERE NOT EXISTS (SELECT FROM recipient r WHERE r.tenant_id = g.tenant_id AND r.id = g.id COLLATE "C")
UNION ALL
SELECT 'topic', g.tenant_id, g.key, NULL, t.members FROM unnest($5::uuid[], $6::text[]) AS g (tenant_id, key)
CROSS JOIN LATERAL (
    SELECT member_count AS members FROM topic WHERE tenant_id = g.tenant_id AND key = g.key COLLATE "C"
) AS t
