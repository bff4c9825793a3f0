-- What people ask about: who, what, and what became of it. The tenant is on every row.

CREATE TABLE tenant (
    id         uuid        NOT NULL PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api_key (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,  -- the eight visible characters
    tenant_id    uuid        NOT NULL REFERENCES tenant ON DELETE CASCADE,
    name         text        NOT NULL,
    digest       bytea       NOT NULL,                   -- HMAC-SHA256 of the whole key
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_key_tenant ON api_key (tenant_id, id);

CREATE TABLE recipient (
    tenant_id  uuid        NOT NULL REFERENCES tenant ON DELETE CASCADE,
    id         text COLLATE "C" NOT NULL,
    name       text,
    locale     text,
    timezone   text,
    data       jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
);

-- Where a recipient can be reached. `mailbox` is the same for two spellings of one address.
CREATE TABLE contact (
    tenant_id    uuid NOT NULL,
    recipient_id text COLLATE "C" NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    address      text NOT NULL,
    mailbox      text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, recipient_id, channel, mailbox),
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipient ON DELETE CASCADE
);

CREATE TABLE topic (
    tenant_id    uuid   NOT NULL REFERENCES tenant ON DELETE CASCADE,
    key          text COLLATE "C" NOT NULL,
    name         text,
    member_count bigint NOT NULL DEFAULT 0,  -- equals the rows of topic_member: changed with them
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);

CREATE TABLE topic_member (
    tenant_id    uuid NOT NULL,
    topic_key    text COLLATE "C" NOT NULL,
    recipient_id text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, topic_key, recipient_id),
    FOREIGN KEY (tenant_id, topic_key) REFERENCES topic ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipient ON DELETE CASCADE
);
CREATE INDEX topic_member_recipient ON topic_member (tenant_id, recipient_id);

CREATE TABLE workflow (
    tenant_id       uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    key             text COLLATE "C" NOT NULL,
    current_version integer NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);

-- Immutable: the definition with every template and layout that it uses.
CREATE TABLE workflow_version (
    id           uuid    NOT NULL PRIMARY KEY,
    tenant_id    uuid    NOT NULL,
    workflow_key text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    hash         text COLLATE "C" NOT NULL,
    definition   jsonb   NOT NULL,
    bundle       jsonb   NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, workflow_key, version),
    FOREIGN KEY (tenant_id, workflow_key) REFERENCES workflow ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE trigger (
    id                  uuid        NOT NULL PRIMARY KEY,
    tenant_id           uuid        NOT NULL,
    workflow_key        text COLLATE "C" NOT NULL,
    workflow_version_id uuid        NOT NULL,
    status              text COLLATE "C" NOT NULL DEFAULT 'accepted',
    priority            smallint    NOT NULL,
    recipient_ids       text[] COLLATE "C" NOT NULL,
    topic_keys          text[] COLLATE "C" NOT NULL,
    channels            text[] COLLATE "C",               -- NULL: all that the workflow has
    payload             jsonb       NOT NULL,
    metadata            jsonb       NOT NULL,
    transaction_id      text COLLATE "C",
    idempotency_key     text COLLATE "C",
    request_hash        bytea,
    traceparent         text,
    send_at             timestamptz,
    expires_at          timestamptz NOT NULL,             -- the deadline of all its messages
    cursor              text COLLATE "C" NOT NULL DEFAULT '',  -- the last recipient expanded
    total               bigint,                           -- recipients; an estimate until expanded_at
    expanded            bigint      NOT NULL DEFAULT 0,   -- recipients so far
    counts              jsonb,                            -- {channel: {status: n}} once compacted
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expanded_at         timestamptz,
    completed_at        timestamptz,
    cancelled_at        timestamptz,
    CONSTRAINT trigger_status CHECK (status IN ('accepted', 'expanding', 'running', 'completed', 'cancelled')),
    CONSTRAINT trigger_completed CHECK (status <> 'completed' OR completed_at IS NOT NULL),
    CONSTRAINT trigger_cancelled CHECK (status <> 'cancelled' OR cancelled_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX trigger_idempotency ON trigger (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX trigger_tenant ON trigger (tenant_id, id);
CREATE INDEX trigger_transaction ON trigger (tenant_id, transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX trigger_running ON trigger (id) WHERE status = 'running';

-- A tombstone that expansion and intents read. Not on the trigger's row: that one is hot.
CREATE TABLE trigger_cancel (
    trigger_id uuid NOT NULL PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How many messages of a trigger are in each status: the sum over the slots. A slot belongs to one writer at a time, so that
-- writers never wait for each other; numbers in one row may be negative, the sum is not.
CREATE TABLE trigger_count (
    trigger_id uuid     NOT NULL,
    channel    text COLLATE "C" NOT NULL,
    slot       smallint NOT NULL,
    tenant_id  uuid     NOT NULL,
    queued     integer  NOT NULL DEFAULT 0,
    sending    integer  NOT NULL DEFAULT 0,
    sent       integer  NOT NULL DEFAULT 0,
    delivered  integer  NOT NULL DEFAULT 0,
    failed     integer  NOT NULL DEFAULT 0,
    bounced    integer  NOT NULL DEFAULT 0,
    skipped    integer  NOT NULL DEFAULT 0,
    cancelled  integer  NOT NULL DEFAULT 0,
    expired    integer  NOT NULL DEFAULT 0,
    unknown    integer  NOT NULL DEFAULT 0,
    PRIMARY KEY (trigger_id, channel, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- run, message, attempt and message_event are partitioned by UUIDv7 id on the same bounds: retention drops whole weeks.
-- No foreign keys at message: they cost a lookup a row and forbid DETACH; `clarion verify` checks what they would have.
CREATE TABLE run (
    id                  uuid     NOT NULL PRIMARY KEY,
    tenant_id           uuid     NOT NULL,
    trigger_id          uuid     NOT NULL,
    workflow_version_id uuid     NOT NULL,
    recipient_id        text COLLATE "C" NOT NULL,
    step                smallint NOT NULL,                 -- the next step to take
    status              text COLLATE "C" NOT NULL,
    CONSTRAINT run_status CHECK (status IN ('running', 'completed', 'cancelled'))
) PARTITION BY RANGE (id);

CREATE TABLE message (
    id                  uuid     NOT NULL PRIMARY KEY,
    tenant_id           uuid     NOT NULL,
    trigger_id          uuid     NOT NULL,
    run_id              uuid     NOT NULL,
    expires_at          timestamptz NOT NULL,
    step                smallint NOT NULL,
    attempts            smallint NOT NULL DEFAULT 0,
    possible_duplicate  boolean  NOT NULL DEFAULT false,
    channel             text COLLATE "C" NOT NULL,
    status              text COLLATE "C" NOT NULL,
    workflow_key        text COLLATE "C" NOT NULL,
    recipient_id        text COLLATE "C" NOT NULL,
    address             text,
    provider            text COLLATE "C",
    provider_message_id text,
    reason              text,
    sent_at             timestamptz,
    ended_at            timestamptz,
    seen_at             timestamptz,
    read_at             timestamptz,
    clicked_at          timestamptz,
    archived_at         timestamptz,
    CONSTRAINT message_status CHECK (status IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'bounced', 'skipped',
                                                'cancelled', 'expired', 'unknown')),
    CONSTRAINT message_sent_has_proof CHECK (status <> 'sent' OR provider_message_id IS NOT NULL),
    CONSTRAINT message_skip_has_reason CHECK (status NOT IN ('skipped', 'failed', 'unknown') OR reason IS NOT NULL)
) PARTITION BY RANGE (id);
CREATE INDEX message_trigger ON message (trigger_id, id);
CREATE INDEX message_recipient ON message (tenant_id, recipient_id, id);

CREATE TABLE attempt (
    message_id          uuid     NOT NULL,
    number              smallint NOT NULL,
    fence               integer  NOT NULL,
    tenant_id           uuid     NOT NULL,
    intended_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at            timestamptz,
    status              text COLLATE "C" NOT NULL DEFAULT 'intent',
    provider            text COLLATE "C" NOT NULL,
    worker              text COLLATE "C" NOT NULL,
    provider_message_id text,
    reason              text,
    PRIMARY KEY (message_id, number),
    CONSTRAINT attempt_status CHECK (status IN ('intent', 'accepted', 'retryable', 'rejected', 'uncertain')),
    CONSTRAINT attempt_accepted_has_proof CHECK (status <> 'accepted' OR provider_message_id IS NOT NULL),
    CONSTRAINT attempt_ended CHECK ((status = 'intent') = (ended_at IS NULL))
) PARTITION BY RANGE (message_id);

-- Decisions about a message that are not attempts: skipped, put off, expired, cancelled, recovered, retried by hand.
CREATE TABLE message_event (
    message_id uuid        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id  uuid        NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    detail     text
) PARTITION BY RANGE (message_id);
CREATE INDEX message_event_message ON message_event (message_id, at);

-- The recipient's own feed: for the in-app channel this row is the delivery.
CREATE TABLE feed_item (
    message_id   uuid   NOT NULL PRIMARY KEY,
    tenant_id    uuid   NOT NULL,
    seq          bigint NOT NULL,              -- rises by one per recipient, without gaps
    recipient_id text COLLATE "C" NOT NULL,
    workflow_key text COLLATE "C" NOT NULL,
    category     text COLLATE "C",
    title        text   NOT NULL,
    body         text   NOT NULL,
    url          text,
    data         jsonb  NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at      timestamptz,
    read_at      timestamptz,
    archived_at  timestamptz
);
CREATE UNIQUE INDEX feed_item_recipient ON feed_item (tenant_id, recipient_id, seq);

-- Counts that answer in O(1); changed in the transaction that changes the rows, so they always equal them.
CREATE TABLE feed_counter (
    tenant_id    uuid    NOT NULL,
    recipient_id text COLLATE "C" NOT NULL,
    last_seq     bigint  NOT NULL DEFAULT 0,
    total        integer NOT NULL DEFAULT 0,   -- not archived
    unseen       integer NOT NULL DEFAULT 0,   -- not archived and not seen
    unread       integer NOT NULL DEFAULT 0,   -- not archived and not read
    PRIMARY KEY (tenant_id, recipient_id)
) WITH (fillfactor = 70);
