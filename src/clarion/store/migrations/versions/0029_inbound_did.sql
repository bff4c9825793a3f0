-- What a message caused besides triggers, a text each, for people: NULL for nothing, which takes no room.
ALTER TABLE inbound ADD COLUMN did text[];
