-- Runs that wait: in status 'running', at the step at which they wait, each with a job of its id.

-- Few of many: for the runs of one trigger, and to keep the weeks of those that wait.
CREATE INDEX run_waiting ON run (tenant_id, trigger_id, id) WHERE status = 'running';

-- How many runs of a trigger wait: the sum over the slots, as in trigger_count, always equal to the rows.
CREATE TABLE trigger_waiting (
    trigger_id uuid     NOT NULL,
    slot       smallint NOT NULL,
    tenant_id  uuid     NOT NULL,
    waiting    integer  NOT NULL DEFAULT 0,
    PRIMARY KEY (trigger_id, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- `waits`: a run of it waits, or did a moment ago; while it is set nobody looks whether the trigger is complete, so that a
-- hundred thousand that wait for days cost nothing. `expires_given`: the deadline was named, and holds behind delays too.
ALTER TABLE trigger ADD COLUMN waits boolean NOT NULL DEFAULT false, ADD COLUMN expires_given boolean NOT NULL DEFAULT false;
CREATE INDEX trigger_open ON trigger (id) WHERE status = 'running' AND NOT waits;
CREATE INDEX trigger_waits ON trigger (id) WHERE status = 'running' AND waits;
DROP INDEX trigger_running;
