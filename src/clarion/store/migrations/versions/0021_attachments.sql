-- Files that go with mails, each once for its tenant: known by its content.
CREATE TABLE attachment (
    tenant_id  uuid        NOT NULL REFERENCES tenant ON DELETE CASCADE,
    digest     bytea       NOT NULL,                       -- SHA-256
    name       text        NOT NULL,
    type       text        NOT NULL,
    content    bytea       NOT NULL,
    size       int         NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),  -- when it was last uploaded, or named by a trigger
    CONSTRAINT attachment_digest CHECK (octet_length(digest) = 32),
    PRIMARY KEY (tenant_id, digest)
);
-- What people attach is packed already.
ALTER TABLE attachment ALTER content SET STORAGE EXTERNAL;
CREATE INDEX attachment_used ON attachment (used_at);

-- Which triggers name which: a file stays as long as one of them has not ended.
CREATE TABLE attachment_use (
    tenant_id  uuid  NOT NULL,
    digest     bytea NOT NULL,
    trigger_id uuid  NOT NULL,
    PRIMARY KEY (tenant_id, digest, trigger_id),
    FOREIGN KEY (tenant_id, digest) REFERENCES attachment ON DELETE CASCADE
);

-- What goes with the mails of a trigger, as `clarion.domain.attachment.Reference` says it.
ALTER TABLE trigger ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]';
