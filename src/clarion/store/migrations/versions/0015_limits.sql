-- A part of a pace may be kept for what is urgent: it has a clock of its own beside that of the rest.
ALTER TABLE rate_limit
    ADD COLUMN reserve   double precision NOT NULL DEFAULT 0 CHECK (reserve >= 0 AND reserve < 1),
    ADD COLUMN urgent_at timestamptz      NOT NULL DEFAULT clock_timestamp();

-- The messages that count against a frequency cap, by recipient and by what the cap counts. Locked by who adds one, so that
-- two triggers at the same moment are decided one after the other. `until` is when none of them counts any more.
CREATE TABLE cap_use (
    tenant_id    uuid   NOT NULL,
    scope        text COLLATE "C" NOT NULL,
    recipient_id text COLLATE "C" NOT NULL,
    message_ids  uuid[] NOT NULL,
    until        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, scope, recipient_id)
) WITH (fillfactor = 70);
CREATE INDEX cap_use_until ON cap_use (until);
