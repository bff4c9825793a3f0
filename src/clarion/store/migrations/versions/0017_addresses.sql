-- A recipient may have several addresses on a channel: messages go to the preferred one. What was there is. Checks are not made
-- for the rows that are there already: those are preferred and not set aside.
ALTER TABLE contact
    ADD COLUMN preferred         boolean NOT NULL DEFAULT true,
    ADD COLUMN verified_at       timestamptz,
    ADD COLUMN seen_at           timestamptz, -- NULL: when it was made
    ADD COLUMN quarantined_at    timestamptz, -- nothing goes there since then
    ADD COLUMN quarantine_reason text,
    ADD CONSTRAINT contact_preferred CHECK (NOT preferred OR quarantined_at IS NULL) NOT VALID,
    ADD CONSTRAINT contact_quarantine CHECK ((quarantined_at IS NULL) = (quarantine_reason IS NULL)) NOT VALID;
