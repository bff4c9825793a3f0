-- What the tally counted before it was pruned. With what it counts now it is a number that only grows, over all restarts.
CREATE TABLE job_total (
    queue   text   COLLATE "C" NOT NULL PRIMARY KEY,
    done    bigint NOT NULL,
    retried bigint NOT NULL,
    buried  bigint NOT NULL
);
