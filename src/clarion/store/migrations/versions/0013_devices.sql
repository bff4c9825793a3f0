-- What takes push messages. Messages name a device by its id, never by its token: that is read when they are sent, so that
-- a token which was replaced or taken away meanwhile is not used, and is kept nowhere else.
CREATE TABLE device (
    tenant_id       uuid        NOT NULL,
    recipient_id    text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,           -- the application's own name for it
    provider        text COLLATE "C" NOT NULL,           -- whose token it is
    token           text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at     timestamptz,
    disabled_reason text,
    PRIMARY KEY (tenant_id, recipient_id, id),
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipient ON DELETE CASCADE,
    CONSTRAINT device_disabled_has_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
-- A token is one device's: registered by somebody else, it is theirs from then on.
CREATE UNIQUE INDEX device_token ON device (tenant_id, token);
