-- Repositories whose tags become releases. Conventions as in 0001.

CREATE TABLE watch (
    id BIGINT PRIMARY KEY,           -- the serial of the event that made it
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE, -- gets the releases
    url TEXT NOT NULL,               -- git+https://HOST/REPO#subdirectory=DIR, without a tag and without a secret
    pattern TEXT NOT NULL,           -- v{version}
    targets TEXT NOT NULL,           -- names, separated by commas; empty: all that are offered when a tag is built
    every BIGINT NOT NULL,           -- seconds between two looks
    since TEXT NOT NULL,             -- which tags were built at first: empty (none), all, or from a version on
    owner TEXT NOT NULL,             -- the account whose rights count
    by_operator BIGINT NOT NULL,     -- 1: made beside the data folder, may name a repository on this machine
    secret TEXT NOT NULL,            -- signs what tells of a push
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    looked_at BIGINT NOT NULL,       -- the last look that listed the tags
    next_at BIGINT NOT NULL,         -- nobody looks before
    failures BIGINT NOT NULL,        -- looks in a row that failed
    error TEXT,                      -- of the last one; NULL: it went well
    lease_by TEXT NOT NULL,          -- the process that looks now; empty: none
    lease_until BIGINT NOT NULL
);
CREATE INDEX watch_index ON watch (index_name);
CREATE INDEX watch_next ON watch (next_at);

CREATE TABLE watched_tag (
    watch BIGINT NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    commit_sha TEXT NOT NULL,        -- that it named when it was seen first
    version TEXT,                    -- that it means; NULL: none
    state TEXT NOT NULL,
    reason TEXT,                     -- why, for people
    builds TEXT NOT NULL,            -- numbers, separated by commas
    at BIGINT NOT NULL,              -- of the last change
    PRIMARY KEY (watch, tag)
);
CREATE INDEX watched_tag_state ON watched_tag (state);
