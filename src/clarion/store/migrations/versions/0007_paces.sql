-- Paces that jobs keep to. A job of a limited workflow names its limit, and stands in a lane for these alone.
ALTER TABLE job ADD COLUMN pace text COLLATE "C";
ALTER TABLE job_buried ADD COLUMN pace text COLLATE "C", ADD COLUMN paced_lane smallint;

-- Who set it: the settings may not overwrite what was set by hand.
ALTER TABLE rate_limit ADD COLUMN set_by text NOT NULL DEFAULT 'hand' CHECK (set_by IN ('hand', 'settings', 'workflow', 'pause'));
UPDATE rate_limit SET set_by = 'pause' WHERE per_second = 'Infinity';
