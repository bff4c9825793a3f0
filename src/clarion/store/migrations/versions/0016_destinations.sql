-- Domains that ask for patience, as seen through one account: `rate_limit` has their pace, this is how they come back.
CREATE TABLE destination (
    name       text COLLATE "C" NOT NULL PRIMARY KEY, -- as in `rate_limit`: `destination:<account>/<domain>`
    since      timestamptz NOT NULL DEFAULT clock_timestamp(),
    per_second double precision CHECK (per_second > 0), -- NULL: free again, and not yet forgotten
    until      timestamptz,                             -- parked until then
    reason     text,
    parked     integer     NOT NULL DEFAULT 0,          -- how often in a row
    paced_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    window_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    put_off    integer     NOT NULL DEFAULT 0,          -- since then
    taken      integer     NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

ALTER TABLE rate_limit DROP CONSTRAINT rate_limit_set_by_check,
    ADD CONSTRAINT rate_limit_set_by_check CHECK (set_by IN ('hand', 'settings', 'workflow', 'pause', 'feedback'));
