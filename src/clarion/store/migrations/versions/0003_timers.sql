-- Timers: what is to happen at a time, unless it is cancelled. A pending one has a job in the queue `timers` with its id.

CREATE TABLE timer (
    id           uuid        NOT NULL PRIMARY KEY,
    tenant_id    uuid        NOT NULL,
    key          text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL DEFAULT 'pending',
    fire_at      timestamptz NOT NULL,
    rev          integer     NOT NULL DEFAULT 1,   -- rises when it is set again: what one firing causes is named by it
    actions      jsonb       NOT NULL,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    failed       smallint[],                       -- which of the actions could not be done
    error        text,                             -- and why
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    fired_at     timestamptz,
    cancelled_at timestamptz,
    UNIQUE (tenant_id, key),
    CONSTRAINT timer_status CHECK (status IN ('pending', 'fired', 'cancelled')),
    CONSTRAINT timer_fired CHECK ((status = 'fired') = (fired_at IS NOT NULL)),
    CONSTRAINT timer_cancelled CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT timer_failed CHECK (failed IS NULL OR status = 'fired' AND error IS NOT NULL)
);
-- The status first: an index that begins like that of the key would be taken for it by plans made while there is nothing.
CREATE INDEX timer_listed ON timer (status, tenant_id, fire_at, id);
CREATE INDEX timer_metadata ON timer USING gin (metadata jsonb_path_ops) WHERE metadata <> '{}';
-- For retention: those that have ended, by when they did.
CREATE INDEX timer_ended ON timer (updated_at) WHERE status <> 'pending';
