-- The builder: what is to be built, what was built, who builds. Conventions as in 0001.

-- One attempt to turn one source into a wheel for one target. Asked for twice, it is one row: `key`
-- is a hash over source, target, recipe, tools and the index that build requirements come from.
-- While a source's hash is not known yet, the key is one over where it is fetched from.
CREATE TABLE build (
    id BIGINT PRIMARY KEY,           -- the serial of the event that made it
    key TEXT NOT NULL UNIQUE,
    context TEXT NOT NULL,           -- user/index: build requirements come from here
    given BIGINT NOT NULL,           -- 1: uploaded or from a repository, 0: listed by its context
    project TEXT,                    -- normalised; NULL until a tree's metadata is known
    version TEXT,
    source TEXT NOT NULL,            -- JSON of build::job::Source
    source_sha256 TEXT,              -- blob; NULL while it is being fetched
    place TEXT,                      -- JSON of build::source::Place: where the source comes from
    target TEXT NOT NULL,
    recipe TEXT,                     -- JSON of the layers put together; NULL: the plain way
    recipe_sha256 TEXT,
    tools TEXT NOT NULL,             -- what the tool set's name is
    platform_expected BIGINT NOT NULL, -- 1: others have a platform wheel of this release
    state TEXT NOT NULL,             -- fetching | queued | blocked | running | built | failed
    priority BIGINT NOT NULL,        -- 0 somebody waits, 1 asked for, 2 ahead of time
    fence BIGINT NOT NULL,           -- grows with every claim: older holders are refused
    losses BIGINT NOT NULL,          -- how many workers were lost over it
    rounds BIGINT NOT NULL,          -- how often a worker said that others are needed first
    worker TEXT,
    lease_until BIGINT,
    secret_sha256 TEXT,              -- of the credential that reads the context while it runs
    step TEXT,                       -- where it is, or where it failed
    class TEXT,                      -- of the failure
    hint TEXT,
    line TEXT,                       -- the first real error line
    wheel TEXT,                      -- file name
    wheel_sha256 TEXT,
    wheel_size BIGINT,
    metadata_sha256 TEXT,            -- blob of the wheel's METADATA
    evidence TEXT,                   -- JSON of build::evidence::Evidence
    log_size BIGINT NOT NULL,        -- bytes
    log_sha256 TEXT,                 -- once ended; before, the pieces are in build_log
    asked_by TEXT NOT NULL,          -- label of the first asker
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    published_fence BIGINT,          -- the run whose wheel was brought to where it belongs
    unpublished TEXT                 -- why an index refused it
);
CREATE INDEX build_state ON build (state, priority, id);
CREATE INDEX build_project ON build (project, version);
CREATE INDEX build_source_sha256 ON build (source_sha256);
CREATE INDEX build_secret ON build (secret_sha256);

-- Who asked for a build: they see it, whatever they may read.
CREATE TABLE build_asker (
    build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    PRIMARY KEY (build, account)
);

-- A build that waits for another one: a build requirement that exists only as source. The empty
-- requirement: both turned out to be the same, and the outcome is copied.
CREATE TABLE build_need (
    build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    needs BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    requirement TEXT NOT NULL,
    PRIMARY KEY (build, needs)
);
CREATE INDEX build_need_needs ON build_need (needs);

-- The indexes that get the wheel when it is built.
CREATE TABLE build_for (
    build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    published_at BIGINT,
    PRIMARY KEY (build, index_name)
);
CREATE INDEX build_for_index ON build_for (index_name);

-- The log of a build that runs, piece by piece; joined into a blob when it ends.
CREATE TABLE build_log (
    build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,              -- offset in bytes
    text BLOB NOT NULL,
    PRIMARY KEY (build, at)
);

-- Sources that were uploaded to be built; only who uploaded one may name it by its hash.
CREATE TABLE build_source (
    sha256 TEXT NOT NULL,
    account TEXT NOT NULL,
    filename TEXT NOT NULL,
    size BIGINT NOT NULL,
    uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (sha256, account)
);

-- Which files of an index were built here, and from what. Their bytes and names are rows of `file`
-- like all others: a name is never used again, on mirrors too.
CREATE TABLE built_file (
    index_name TEXT NOT NULL,
    filename TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    source_filename TEXT NOT NULL,   -- upload time, yank and Requires-Python follow it
    source_sha256 TEXT NOT NULL,
    build BIGINT NOT NULL,
    fence BIGINT NOT NULL,           -- which run of the build: a rebuild gives another file
    wheel_sha256 TEXT NOT NULL,      -- as it was handed in, before it got its build tag
    created_at BIGINT NOT NULL,
    PRIMARY KEY (index_name, filename),
    UNIQUE (index_name, build, fence),
    FOREIGN KEY (index_name, filename) REFERENCES file (index_name, filename) ON DELETE CASCADE
);
CREATE INDEX built_file_project ON built_file (index_name, project);

-- Who builds: name, what for, and when it was last heard of.
CREATE TABLE worker (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    description TEXT NOT NULL,       -- JSON: targets, slots, isolation, version
    building TEXT,                   -- NULL: yes; else why not (a canary failed)
    seen_at BIGINT NOT NULL
);

-- Recipes given through the API; those of the recipe folder are read from it.
CREATE TABLE recipe (
    name TEXT PRIMARY KEY,           -- file name without .toml
    text TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
