-- What was answered to a POST with an Idempotency-Key, so that the same request again gets the same answer. Triggers have
-- their keys in their own rows.
CREATE TABLE kept_answer (
    tenant_id    uuid        NOT NULL,
    -- Whose keys these are: '' for applications, else the recipient who calls for the own feed.
    caller       text        COLLATE "C" NOT NULL,
    key          text        COLLATE "C" NOT NULL,
    request_hash bytea       NOT NULL,
    -- Sealed: it may hold a secret that is told once. NULL while somebody who has claimed the key is at work.
    answer       bytea,
    claim        uuid,
    -- Until when the answer, or the claim, counts. A row that is past it is as good as none.
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, caller, key),
    CHECK ((answer IS NULL) = (claim IS NOT NULL))
);
-- What is sealed does not become smaller.
ALTER TABLE kept_answer ALTER COLUMN answer SET STORAGE EXTERNAL;
CREATE INDEX kept_answer_expires_at ON kept_answer (expires_at);
