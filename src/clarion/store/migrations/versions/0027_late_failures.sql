-- Messages that an account took and later said to have failed, in the minute in which it was told; workers of before count none.
ALTER TABLE provider_tally ADD COLUMN failed bigint NOT NULL DEFAULT 0;
