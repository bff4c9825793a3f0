-- Who has the address of a webhook may write there, so it is kept sealed, like the secrets of webhooks. `address` is then
-- what may be shown of it, and `digest` that by which a room that is gone is found for all who have it. What lies open is
-- sealed by `clarion endpoints reseal`: the key is not in the database.
ALTER TABLE chat ADD COLUMN sealed bytea, ADD COLUMN digest bytea,
    ADD CONSTRAINT chat_sealed_has_digest CHECK ((sealed IS NULL) = (digest IS NULL));
CREATE INDEX chat_digest ON chat (tenant_id, digest) WHERE digest IS NOT NULL;
