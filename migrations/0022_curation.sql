-- Curated indexes: what was decided, what is asked for, and the rules that decide by themselves. Conventions as in 0001.

CREATE TABLE approval (
    id BIGINT PRIMARY KEY,           -- of the event that made it; of those that fit a release, the newest counts
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    specifier TEXT NOT NULL,         -- PEP 440; empty: all versions
    approves BIGINT NOT NULL,        -- 0: it refuses
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT                -- NULL: never
);
CREATE INDEX approval_project ON approval (index_name, project);

CREATE TABLE request (
    id BIGINT PRIMARY KEY,           -- of the event that made it
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    version TEXT NOT NULL,           -- canonical; empty: the project
    target TEXT NOT NULL,            -- empty: unknown
    state TEXT NOT NULL,
    asked BIGINT NOT NULL,           -- how often
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    askers TEXT NOT NULL,            -- JSON: the accounts that asked, the newest last
    closure TEXT,                    -- JSON: what its installation needs; NULL: not resolved yet
    decided_by TEXT,                 -- NULL: nobody yet
    decided_at BIGINT,
    reason TEXT,
    UNIQUE (index_name, project, version, target)
);
CREATE INDEX request_state ON request (index_name, state);

CREATE TABLE curation (
    index_name TEXT PRIMARY KEY REFERENCES namespace (name) ON DELETE CASCADE,
    rules TEXT NOT NULL,             -- TOML
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
