-- name: stuck
-- The job of an expansion has its trigger's id, that of a run in a delay the run's.
SELECT t.id, b.queue, b.error FROM job_buried b JOIN trigger t ON t.id = b.id
WHERE t.status IN ('accepted', 'expanding')
UNION ALL
SELECT r.trigger_id, b.queue, min(b.error) FROM job_buried b JOIN run r ON r.id = b.id
WHERE r.status = 'running' GROUP BY r.trigger_id, b.queue
ORDER BY 1
