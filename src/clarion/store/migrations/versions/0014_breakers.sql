-- Circuit breakers of accounts at providers, by the accounts' labels: shared by all workers, written when something is wrong.
CREATE TABLE breaker (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    state        text        NOT NULL DEFAULT 'closed',
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    until        timestamptz,                     -- open: when a probe may go; half-open: when the probe's claim runs out
    reason       text,
    opened       integer     NOT NULL DEFAULT 0,  -- how often in a row
    probe        integer     NOT NULL DEFAULT 0,  -- the number of the last probe that was given out
    window_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    calls        integer     NOT NULL DEFAULT 0,  -- since then
    failures     integer     NOT NULL DEFAULT 0,
    slow         integer     NOT NULL DEFAULT 0,
    last_failure text,
    CONSTRAINT breaker_state CHECK (state IN ('closed', 'open', 'half_open')),
    CONSTRAINT breaker_until CHECK ((state = 'closed') = (until IS NULL))
) WITH (fillfactor = 50);
