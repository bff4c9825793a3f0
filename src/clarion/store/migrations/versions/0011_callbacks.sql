-- Reports of providers that were here before, so that one that comes again, or is played back by somebody who overheard it,
-- does nothing. The id is a hash of the integration and of the report's own key. Kept for days: by then a message has gone
-- as far as the report could move it, and a repetition does nothing anyway.
CREATE TABLE callback_seen (
    id          uuid        NOT NULL PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    integration text COLLATE "C" NOT NULL
);
CREATE INDEX callback_seen_at ON callback_seen (at);
