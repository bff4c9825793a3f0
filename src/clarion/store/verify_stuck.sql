-- name: stuck
-- The job of an expansion has its trigger's id.
SELECT t.id, b.queue, b.error FROM job_buried b JOIN trigger t ON t.id = b.id
WHERE t.status IN ('accepted', 'expanding') ORDER BY t.id
