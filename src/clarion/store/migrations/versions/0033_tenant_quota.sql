-- Bounds of tenants, set by hand: who has no row has none. NULL: this one is not bounded.
CREATE TABLE tenant_quota (
    tenant_id        uuid   NOT NULL PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
    max_waiting      bigint CHECK (max_waiting >= 0),
    recipients_a_day bigint CHECK (recipients_a_day >= 0)
);
