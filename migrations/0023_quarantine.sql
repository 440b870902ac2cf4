-- Who fetched what, what must not be served, and which lock files name what. Conventions as in 0001.

-- Downloads, added up: one row for each file, day, asker and installer.
CREATE TABLE fetched (
    day BIGINT NOT NULL,             -- days since 1970, UTC
    index_name TEXT NOT NULL,        -- it may be deleted: who has its files is still of interest
    filename TEXT NOT NULL,
    asker TEXT NOT NULL,             -- an account; an address if these are counted; empty: anonymous
    installer TEXT NOT NULL,         -- pip 26.0; empty: it does not say
    project TEXT NOT NULL,
    version TEXT NOT NULL,           -- canonical; empty: the name tells none
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (day, index_name, filename, asker, installer)
);
CREATE INDEX fetched_release ON fetched (project, version);

-- The same of all askers and days: what pages show, and what tells which files are used least.
CREATE TABLE file_use (
    index_name TEXT NOT NULL,
    filename TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    count BIGINT NOT NULL,           -- 0: downloads are not counted
    last_used_at BIGINT NOT NULL,    -- to the day
    PRIMARY KEY (index_name, filename)
);
CREATE INDEX file_use_project ON file_use (project, index_name);
CREATE INDEX file_use_filename ON file_use (filename);

-- What is neither listed nor served. All of them are in memory.
CREATE TABLE quarantine (
    id TEXT PRIMARY KEY,             -- the serial of its event
    index_name TEXT REFERENCES namespace (name) ON DELETE CASCADE,  -- NULL: all
    project TEXT NOT NULL,
    specifier TEXT NOT NULL,         -- of versions; empty: the whole project
    why TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at BIGINT NOT NULL,
    released_by TEXT,
    released_at BIGINT
);

-- Lock files that somebody keeps here, and the releases that they name.
CREATE TABLE lock_watch (
    name TEXT PRIMARY KEY,
    index_name TEXT REFERENCES namespace (name) ON DELETE CASCADE,  -- NULL: of no index in particular
    file TEXT NOT NULL,              -- uv.lock
    kept_by TEXT NOT NULL,
    kept_at BIGINT NOT NULL
);
CREATE TABLE lock_pin (
    lock_name TEXT NOT NULL REFERENCES lock_watch (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    version TEXT NOT NULL,           -- canonical
    hashes TEXT NOT NULL,            -- sha256 of files, with spaces
    PRIMARY KEY (lock_name, project, version)
);
CREATE INDEX lock_pin_release ON lock_pin (project, version);
