-- Ready jobs by the pace that they keep to: several paces may share a lane, and none may stand in another's way.
CREATE INDEX job_paced ON job (queue, priority, pace, run_at, id) WHERE state = 0 AND pace IS NOT NULL;
