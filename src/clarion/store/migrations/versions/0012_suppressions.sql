-- Addresses that are not written to any more, on one channel, of one category or all ('' is all). `mailbox` is the same for
-- two spellings of one address. One row for each reason: that a bounce is forgotten must not make somebody subscribed again.
CREATE TABLE suppression (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES tenant ON DELETE CASCADE,
    channel    text COLLATE "C" NOT NULL,
    mailbox    text COLLATE "C" NOT NULL,
    category   text COLLATE "C" NOT NULL DEFAULT '',
    reason     text COLLATE "C" NOT NULL,
    address    text        NOT NULL,
    detail     text,
    message_id uuid,                                       -- what it came of, where it came of one
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,                                -- NULL: never
    CONSTRAINT suppression_reason CHECK (reason IN ('hard_bounce', 'soft_bounces', 'complaint', 'unsubscribe', 'manual')),
    CONSTRAINT suppression_key UNIQUE (tenant_id, mailbox, channel, category, reason)
);
CREATE INDEX suppression_tenant ON suppression (tenant_id, id);
CREATE INDEX suppression_expires ON suppression (expires_at) WHERE expires_at IS NOT NULL;

-- Messages that came back though their address is good, one row each: counted until something arrives.
CREATE TABLE soft_bounce (
    tenant_id  uuid        NOT NULL REFERENCES tenant ON DELETE CASCADE,
    channel    text COLLATE "C" NOT NULL,
    mailbox    text COLLATE "C" NOT NULL,
    message_id uuid        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, mailbox, channel, message_id)
);
CREATE INDEX soft_bounce_at ON soft_bounce (at);
