-- Schedules: what is done at nominal times. One that is not paused has a job in the queue `schedules` with its key.

-- The system's own belong to the tenant whose id is all zeros, which is no row of `tenant`.
CREATE TABLE schedule (
    tenant_id      uuid        NOT NULL,
    key            text COLLATE "C" NOT NULL,
    origin         text COLLATE "C" NOT NULL,
    cron           text        NOT NULL,
    timezone       text        NOT NULL,
    catch_up       text COLLATE "C" NOT NULL,
    catch_up_limit integer     NOT NULL,
    jitter         interval    NOT NULL,
    actions        jsonb       NOT NULL,
    hash           text COLLATE "C" NOT NULL,  -- of all that was said; the same again changes nothing
    next_at        timestamptz,                -- the first nominal time not decided yet; NULL: there is none any more
    last_at        timestamptz,                -- the last nominal time that ran
    paused_at      timestamptz,
    paused_reason  text,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key),
    CONSTRAINT schedule_origin CHECK (origin IN ('file', 'api', 'system')),
    CONSTRAINT schedule_catch_up CHECK (catch_up IN ('skip', 'one', 'all')),
    CONSTRAINT schedule_of_the_system CHECK ((origin = 'system') = (tenant_id = '00000000-0000-0000-0000-000000000000'))
);

-- What was done at one nominal time, written in the transaction that does it: the unique index makes it once.
CREATE TABLE schedule_run (
    id           uuid        NOT NULL PRIMARY KEY,
    tenant_id    uuid        NOT NULL,
    schedule_key text COLLATE "C" NOT NULL,
    nominal_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,                 -- with its jitter
    ran_at       timestamptz,
    manual       boolean     NOT NULL DEFAULT false,   -- somebody asked for it: no part of the sequence
    passed_over  integer     NOT NULL DEFAULT 0,       -- nominal times before it that did not run
    status       text COLLATE "C" NOT NULL DEFAULT 'pending',
    error        text,
    result       jsonb,
    CONSTRAINT schedule_run_status CHECK (status IN ('pending', 'done', 'failed')),
    CONSTRAINT schedule_run_failed CHECK ((status = 'failed') = (error IS NOT NULL)),
    CONSTRAINT schedule_run_is_not_early CHECK (ran_at >= due_at)
);
CREATE UNIQUE INDEX schedule_run_once ON schedule_run (tenant_id, schedule_key, nominal_at) WHERE NOT manual;
CREATE INDEX schedule_run_listed ON schedule_run (tenant_id, schedule_key, id);
