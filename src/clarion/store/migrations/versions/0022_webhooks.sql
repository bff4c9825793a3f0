-- Webhooks of recipients: programs of theirs that are told by HTTP. Messages name a webhook by its id; where that is, and what
-- signs, is read when they are sent. Secrets are sealed: see `clarion.domain.vault`.
CREATE TABLE webhook (
    tenant_id       uuid        NOT NULL,
    recipient_id    text COLLATE "C" NOT NULL,
    id              uuid        NOT NULL,
    url             text        NOT NULL,
    description     text,
    workflows       text[] COLLATE "C",                  -- those whose messages it gets; NULL is all
    secret          bytea       NOT NULL,
    secret_end      text        NOT NULL,                -- what of it is shown
    old_secret      bytea,
    old_until       timestamptz,                         -- until then the old one signs as well
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    failing_since   timestamptz,                         -- nothing arrived there since
    last_error      text,
    paused_until    timestamptz,                         -- it asked to be left alone until then
    disabled_at     timestamptz,
    disabled_reason text,
    PRIMARY KEY (tenant_id, recipient_id, id),
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES recipient ON DELETE CASCADE,
    CONSTRAINT webhook_disabled_has_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CONSTRAINT webhook_old_secret_ends CHECK ((old_secret IS NULL) = (old_until IS NULL)),
    CONSTRAINT webhook_failing_has_error CHECK ((failing_since IS NULL) = (last_error IS NULL))
);
