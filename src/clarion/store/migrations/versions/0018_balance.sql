-- How quick the accounts of balanced routes were, by minute, as workers tell it every few seconds; kept for an hour or two.
CREATE TABLE provider_tally (
    name   text COLLATE "C" NOT NULL,
    minute timestamptz NOT NULL,
    calls  bigint      NOT NULL,
    slow   bigint      NOT NULL,
    PRIMARY KEY (name, minute)
) WITH (fillfactor = 50);

-- How balanced routes share out their messages now, in points by account; one for each route that was ever looked at.
CREATE TABLE balance (
    route    text COLLATE "C" NOT NULL PRIMARY KEY, -- the channel and the route's name
    base     jsonb NOT NULL,                        -- as the settings have it: where these change, it begins anew
    points   jsonb NOT NULL,
    moved_at timestamptz,
    reason   text
);
