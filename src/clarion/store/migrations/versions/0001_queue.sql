-- The job engine. It knows tenants only as a number to be fair by, and nothing of notifications.

CREATE TABLE job (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    run_at      timestamptz NOT NULL,
    lease_until timestamptz,
    fence       integer     NOT NULL DEFAULT 0,  -- rises with every claim; whoever holds an older one has lost
    rev         integer     NOT NULL DEFAULT 0,  -- rises when a key is set again, so that a set during a run is kept
    priority    smallint    NOT NULL,
    lane        smallint    NOT NULL,            -- a hash of the tenant: claims are shared among lanes
    state       smallint    NOT NULL DEFAULT 0,  -- 0 ready (or due later), 1 leased
    attempts    smallint    NOT NULL DEFAULT 0,  -- spent so far, the one in progress included
    rescues     smallint    NOT NULL DEFAULT 0,  -- how often a worker died holding it
    cancelled   boolean     NOT NULL DEFAULT false,
    queue       text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    key         text COLLATE "C",
    worker      text COLLATE "C",
    args        jsonb,
    progress    jsonb,
    error       text,
    CONSTRAINT job_state CHECK (state IN (0, 1)),
    CONSTRAINT job_lease CHECK ((state = 1) = (lease_until IS NOT NULL))
) WITH (
    -- Rows live for seconds: vacuum often and at full speed, or claims wade through the dead.
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = 200000, autovacuum_vacuum_insert_scale_factor = 0.0,
    autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 50000
);
CREATE INDEX job_ready ON job (queue, priority, lane, run_at, id) WHERE state = 0;
CREATE INDEX job_leased ON job (lease_until) WHERE state = 1;
CREATE UNIQUE INDEX job_key ON job (tenant_id, queue, key) WHERE key IS NOT NULL;

-- Failed for good, kept for inspection and redrive. A table of its own, so that it neither holds the key nor slows claims.
CREATE TABLE job_buried (
    id        uuid        NOT NULL PRIMARY KEY,
    tenant_id uuid        NOT NULL,
    queue     text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    key       text COLLATE "C",
    priority  smallint    NOT NULL,
    attempts  smallint    NOT NULL,
    rescues   smallint    NOT NULL,
    fence     integer     NOT NULL DEFAULT 0,  -- goes on when it is redriven: nobody who held it may hold it again
    args      jsonb,
    error     text        NOT NULL,
    buried_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_buried_queue ON job_buried (queue, buried_at);

-- Finished, of the kinds whose work leaves no other record.
CREATE TABLE job_done (
    id        uuid        NOT NULL PRIMARY KEY,
    tenant_id uuid        NOT NULL,
    queue     text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    key       text COLLATE "C",
    priority  smallint    NOT NULL,
    attempts  smallint    NOT NULL,
    args      jsonb,
    result    jsonb,
    done_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_done_queue ON job_done (queue, done_at);

-- What became of jobs, by minute. One row a worker slot, so that settles never wait for each other here.
CREATE TABLE job_tally (
    queue   text COLLATE "C" NOT NULL,
    minute  timestamptz NOT NULL,
    slot    smallint    NOT NULL,
    done    integer     NOT NULL DEFAULT 0,
    retried integer     NOT NULL DEFAULT 0,
    buried  integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, minute, slot)
) WITH (fillfactor = 50);

CREATE TABLE queue (
    name      text COLLATE "C" NOT NULL PRIMARY KEY,
    paused_at timestamptz
);

-- A shared pace (GCRA): `next_at` is when the next slot is free.
CREATE TABLE rate_limit (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    per_second   double precision NOT NULL CHECK (per_second > 0),
    burst        integer     NOT NULL DEFAULT 1 CHECK (burst >= 1),
    next_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_until timestamptz,
    reason       text
);

CREATE TABLE worker (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    host       text        NOT NULL,
    pid        integer     NOT NULL,
    queues     text[]      NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
