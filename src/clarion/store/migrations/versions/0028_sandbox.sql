-- All of a trigger in a sandbox happens, and nothing of it leaves: its messages are given to no provider, and not to feeds.
ALTER TABLE trigger ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
