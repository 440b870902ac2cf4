-- What stands beside the files of a release, and where files were before. Conventions as in 0001.

-- Documentation (one zip per release) and results of tests (of one file). Its bytes are a blob.
CREATE TABLE attachment (
    index_name TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,              -- doczip | toxresult
    name TEXT NOT NULL,              -- of its own URL: demo-1.0.doc.zip, demo-1.0.tar.gz.toxresult-20261121092446-0
    about TEXT,                      -- the file that was tested
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    passed BIGINT,                   -- of a result: 1, 0, or NULL if it does not say
    uploader TEXT,                   -- NULL: anonymous
    uploaded_at BIGINT NOT NULL,
    history TEXT,                    -- as of a file
    PRIMARY KEY (index_name, name),
    FOREIGN KEY (index_name, project, version) REFERENCES release (index_name, project, version) ON DELETE CASCADE
);
CREATE INDEX attachment_release ON attachment (index_name, project, version);
CREATE INDEX attachment_sha256 ON attachment (sha256);

-- What happened to a file before it came to this index, if anything: a JSON list of uploads and pushes.
ALTER TABLE file ADD COLUMN history TEXT;
