-- What a mirror knows by itself. Conventions as in 0001.

-- NULL: the hash of the bytes was promised before they came (or they were uploaded). A time: it was
-- computed then from what came, and one that the upstream tells later wins over it.
ALTER TABLE file ADD COLUMN hash_computed_at BIGINT;

-- When a mirror first saw a file whose upload time the upstream does not tell.
CREATE TABLE first_seen (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    filename TEXT NOT NULL,
    identity TEXT NOT NULL,          -- the file's hash upstream, or what stands for its URL
    at BIGINT NOT NULL,
    PRIMARY KEY (index_name, filename)
);
CREATE INDEX first_seen_project ON first_seen (index_name, project);
