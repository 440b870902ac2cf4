-- Everything mutable. One text for SQLite and Postgres: TEXT and BIGINT (BLOB for bytes) only,
-- ids and times made in Rust (times are microseconds since 1970, UTC), names as natural keys.
-- An index is written `user/name`; a project is always stored under its normalised name.

-- One row; a writing transaction begins by taking the next serial from it, which also
-- queues writers behind each other, so that serials commit in order.
CREATE TABLE clock (id BIGINT PRIMARY KEY, serial BIGINT NOT NULL);
INSERT INTO clock (id, serial) VALUES (1, 0);

-- Secrets and facts about this installation (its uuid).
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);

-- What happened, who did it: the audit trail, and what other processes follow to drop stale caches.
CREATE TABLE event (
    serial BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    index_name TEXT,
    project TEXT,
    detail TEXT
);

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    password_hash TEXT,
    profile TEXT NOT NULL,           -- JSON: email, title, description, custom_data
    created_at BIGINT NOT NULL,
    modified_at BIGINT,
    disabled_at BIGINT
);

CREATE TABLE membership (
    group_name TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    PRIMARY KEY (group_name, account)
);

CREATE TABLE namespace (
    name TEXT PRIMARY KEY,           -- user/index
    owner TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    options TEXT NOT NULL,           -- JSON, the options that were set; `type` among them
    created_at BIGINT NOT NULL
);

CREATE TABLE token (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    kind TEXT NOT NULL,              -- api | session
    name TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,             -- JSON: index, project, actions
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX token_owner ON token (owner);

CREATE TABLE project (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    name TEXT NOT NULL,              -- normalised
    spelling TEXT NOT NULL,          -- as its newest file writes it
    status TEXT NOT NULL,            -- PEP 792
    status_reason TEXT,
    serial BIGINT NOT NULL,          -- of its last change
    PRIMARY KEY (index_name, name)
);

CREATE TABLE release (
    index_name TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,           -- canonical PEP 440 form
    metadata TEXT NOT NULL,          -- JSON of its core metadata, from the file
    created_at BIGINT NOT NULL,
    yanked_at BIGINT,
    yanked_reason TEXT,
    PRIMARY KEY (index_name, project, version),
    FOREIGN KEY (index_name, project) REFERENCES project (index_name, name) ON DELETE CASCADE
);

-- Files whose bytes are here: uploaded ones (url is NULL) and those kept by a mirror.
-- A deleted upload leaves its row, so that the name is never reused.
CREATE TABLE file (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    filename TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,              -- sdist | bdist_wheel
    url TEXT,
    sha256 TEXT NOT NULL,
    md5 TEXT,
    blake2_256 TEXT,
    size BIGINT NOT NULL,
    requires_python TEXT,
    metadata_sha256 TEXT,            -- blob of its METADATA
    attestations TEXT,
    uploader TEXT,
    uploaded_at BIGINT NOT NULL,     -- or when the mirror stored it
    deleted_at BIGINT,
    PRIMARY KEY (index_name, filename)
);
CREATE INDEX file_project ON file (index_name, project);
CREATE INDEX file_sha256 ON file (sha256);
CREATE INDEX file_metadata ON file (metadata_sha256);

-- METADATA of an upstream wheel, read by ranges before (or without) the wheel being stored.
CREATE TABLE remote_metadata (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    filename TEXT NOT NULL,
    identity TEXT NOT NULL,          -- the file's hash upstream, or its URL
    sha256 TEXT NOT NULL,
    PRIMARY KEY (index_name, filename)
);
CREATE INDEX remote_metadata_project ON remote_metadata (index_name, project);

-- What an upstream said of a project, and when. `body` is gzipped: a page as JSON, names as lines.
CREATE TABLE upstream_page (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,           -- '' is the list of names
    source TEXT NOT NULL,            -- the mirror_url it came from
    found BIGINT NOT NULL,           -- 0: no such project, 1: a page, 2: '' is a page of files
    body BLOB,
    etag TEXT,
    last_modified TEXT,
    serial BIGINT,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (index_name, project)
);
