-- What lock files name for a target, and how far an index is with wheels of it. Conventions as in 0001.

CREATE TABLE readiness (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    target TEXT NOT NULL,            -- its whole name
    owner TEXT NOT NULL,             -- the account whose list it is
    list TEXT NOT NULL,              -- an account may have several; empty: the one without a name
    project TEXT NOT NULL,
    version TEXT NOT NULL,           -- canonical PEP 440 form
    wheel TEXT,                      -- file name: what the index had when it was looked for
    why TEXT,                        -- there was neither a wheel nor a source
    build BIGINT,                    -- that was asked for, or that made the wheel
    looked_at BIGINT,                -- NULL: not tried
    named_at BIGINT NOT NULL,        -- when a lock file named it last
    PRIMARY KEY (index_name, target, owner, list, project, version)
);
