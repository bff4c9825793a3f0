-- Every change of a feed has a number, one more than the change before; an item has that of its last change. Whoever knows how
-- far it has come asks for all that changed since, whatever the change was. What was there before counts by its place.
-- (Versions of Clarion run side by side: an item of one that knows of no numbers has none, 0, and is not told of by itself.)
ALTER TABLE feed_item ADD COLUMN rev bigint NOT NULL DEFAULT 0, ADD COLUMN snoozed_until timestamptz;
UPDATE feed_item SET rev = seq;
CREATE INDEX feed_item_change ON feed_item (tenant_id, recipient_id, rev);
ALTER TABLE feed_counter ADD COLUMN last_rev bigint NOT NULL DEFAULT 0;
UPDATE feed_counter SET last_rev = last_seq;

-- Tickets that have opened a stream, each for as long as it could open another.
CREATE TABLE feed_ticket (
    id         uuid        NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX feed_ticket_expires ON feed_ticket (expires_at);
