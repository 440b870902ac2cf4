-- Wheelhouses in buckets: what was published where, and who publishes it now. Conventions as in 0001.

CREATE TABLE wheelhouse (
    place TEXT PRIMARY KEY,          -- s3://bucket/prefix
    index_name TEXT NOT NULL,
    content TEXT NOT NULL,           -- a hash of what was published there last; empty: nothing
    published_at BIGINT,
    checked_at BIGINT,               -- when it was last known to be what the index has
    renew_at BIGINT,                 -- its links are to be signed anew; NULL: they are not signed
    links_until BIGINT,              -- the first of its links ends
    failed_at BIGINT,                -- NULL: the last try went well
    error TEXT,
    tries BIGINT NOT NULL,           -- that failed, one after the other
    left_out TEXT NOT NULL,          -- projects that must not leave, with commas
    lease_by TEXT NOT NULL,          -- the process that publishes now; empty: none
    lease_until BIGINT NOT NULL
);
