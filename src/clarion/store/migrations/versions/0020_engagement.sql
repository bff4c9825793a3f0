-- When a person opened a mail first, as far as that can be known. `clicked_at` has been there from the beginning.
ALTER TABLE message ADD COLUMN opened_at timestamptz;

-- What was done with messages, by people and by machines apart: a row for each kind. In the weeks of the messages.
CREATE TABLE engagement (
    message_id uuid        NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    machine    boolean     NOT NULL,
    tenant_id  uuid        NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    hits       integer     NOT NULL,
    PRIMARY KEY (message_id, kind, machine),
    CONSTRAINT engagement_kind CHECK (kind IN ('opened', 'clicked')),
    CONSTRAINT engagement_times CHECK (first_at <= last_at AND hits > 0)
) PARTITION BY RANGE (message_id);
