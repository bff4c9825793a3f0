-- Bindings, what came in, and quarantine.

-- What is done when something happens. A binding that leaves the project folder leaves here too.
CREATE TABLE binding (
    tenant_id  uuid    NOT NULL REFERENCES tenant ON DELETE CASCADE,
    key        text COLLATE "C" NOT NULL,
    version    integer NOT NULL,                          -- rises when its content changes
    hash       text COLLATE "C" NOT NULL,
    definition jsonb   NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);

-- How often a tenant's bindings were changed: what workers ask for every other second, instead of reading them all.
CREATE TABLE binding_revision (
    tenant_id uuid   NOT NULL PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
    revision  bigint NOT NULL
);

-- Where messages come from. The number, within its tenant, stands in the many rows below. Counts are brought up every few
-- seconds by the workers: what one that is killed had not yet told is missing in them, and in nothing else.
CREATE TABLE source (
    tenant_id       uuid     NOT NULL REFERENCES tenant ON DELETE CASCADE,
    number          smallint NOT NULL,
    name            text COLLATE "C" NOT NULL,
    accepted        bigint   NOT NULL DEFAULT 0,
    repeated        bigint   NOT NULL DEFAULT 0,
    quarantined     bigint   NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, number),
    UNIQUE (tenant_id, name)
) WITH (fillfactor = 50);

-- How a source looks from each worker that runs it.
CREATE TABLE source_worker (
    tenant_id uuid     NOT NULL,
    source    smallint NOT NULL,
    worker    text COLLATE "C" NOT NULL,
    state     text COLLATE "C" NOT NULL,
    in_hand   integer  NOT NULL,
    trouble   text,
    since     timestamptz NOT NULL,                       -- when it came into this state
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, source, worker),
    FOREIGN KEY (tenant_id, source) REFERENCES source ON DELETE CASCADE,
    CONSTRAINT source_worker_state CHECK (state IN ('connecting', 'connected', 'away', 'stopped'))
) WITH (fillfactor = 50);

-- Every message that was ever taken in, for ever: so that none is taken in twice, however late it comes again. A row of 100
-- to 150 bytes a message, and 40 in its key. The id is a hash of tenant, source and message id: as narrow as a key can be,
-- and no two messages share one by chance in any number that can be counted. Nothing is ever changed but by a redrive.
CREATE TABLE inbound (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    at         timestamptz NOT NULL,
    triggers   uuid[],                                    -- that it became; NULL for none
    source     smallint    NOT NULL,
    state      smallint    NOT NULL,                      -- 0 accepted, 1 in quarantine, 2 redriven from there
    message_id text COLLATE "C" NOT NULL                  -- its beginning: for people, nothing is found by it
);
-- For looking at what has just come in. All of one list have the same time, so that an entry takes seven bytes or so.
CREATE INDEX inbound_at ON inbound (at);

-- What could not be used, with the reason and its bytes.
CREATE TABLE quarantine (
    id          uuid     NOT NULL PRIMARY KEY,
    tenant_id   uuid     NOT NULL,
    inbound_id  uuid     NOT NULL UNIQUE,
    source      smallint NOT NULL,
    message_id  text     NOT NULL,
    subject     text     NOT NULL,
    reason      text     NOT NULL,
    headers     jsonb    NOT NULL,
    size        integer  NOT NULL,                        -- of the whole body
    body        bytea    NOT NULL,                        -- its first 256 kB
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    redriven_at timestamptz
);
CREATE INDEX quarantine_tenant ON quarantine (tenant_id, id);
CREATE INDEX quarantine_waiting ON quarantine (tenant_id, id) WHERE redriven_at IS NULL;

-- Messages that a broker delivered again though nothing of them is known here: whoever had one may have died of it. Written
-- before such a message is looked at, gone with what becomes of it.
CREATE TABLE inbound_suspect (
    id        uuid     NOT NULL PRIMARY KEY,
    tenant_id uuid     NOT NULL,
    worker    text COLLATE "C" NOT NULL,                  -- who has it now
    deaths    smallint NOT NULL,                          -- how many had it before and did not come to an end with it
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
