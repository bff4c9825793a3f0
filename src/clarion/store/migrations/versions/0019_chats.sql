-- What takes chat messages. As with devices, messages name a chat by its id, and where that is stands here alone: who has
-- the address of a webhook may write there. A room may be many recipients', so no address is anybody's own.
CREATE TABLE chat (
    tenant_id       uuid        NOT NULL,
    recipient_id    text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,            -- the application's own name for it
    provider        text COLLATE "C" NOT NULL,            -- the kind of account that reaches it
    account         text COLLATE "C",                     -- the account that reaches it; null: any of that kind
    address         text COLLATE "C" NOT NULL,            -- as the provider has it; empty: the account's own room
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at     timestamptz,
    disabled_reason text,
    PRIMARY KEY (tenant_id, recipient_id, id),
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipient ON DELETE CASCADE,
    CONSTRAINT chat_disabled_has_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
-- A room that is gone is gone for all who had it.
CREATE INDEX chat_address ON chat (tenant_id, address);
