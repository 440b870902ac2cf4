-- Wheels on demand: what a page promised, and what was made of it. Conventions as in 0001.

-- What comes out: a wheel, or no more than the metadata that it would have.
ALTER TABLE build ADD COLUMN purpose TEXT NOT NULL DEFAULT 'wheel';   -- wheel | metadata

-- A promised wheel that somebody asked for. What was served once is served for ever: neither hash
-- changes after it is set, and both are set before the first byte goes out.
CREATE TABLE promised_file (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE, -- owns the source
    target TEXT NOT NULL,            -- its whole name
    filename TEXT NOT NULL,
    project TEXT NOT NULL,           -- normalised
    version TEXT NOT NULL,           -- canonical PEP 440 form
    source_filename TEXT NOT NULL,
    source_sha256 TEXT,              -- NULL while it is not known
    build BIGINT,                    -- that the bytes come from; NULL: from a wheel that was there
    metadata_sha256 TEXT,            -- blob, set when first served
    sha256 TEXT,                     -- blob, set when first served
    size BIGINT,                     -- bytes, with sha256
    broken TEXT,                     -- why the promise cannot be kept
    created_at BIGINT NOT NULL,
    PRIMARY KEY (index_name, target, filename)
);
CREATE INDEX promised_file_project ON promised_file (index_name, target, project);
