-- What was carried here in bundles, and what installers asked for in vain. Conventions as in 0001.

CREATE TABLE bundle_import (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    manifest_sha256 TEXT NOT NULL,   -- of the blob with the manifest: what the bundle is known by
    installation TEXT NOT NULL,      -- the server where it was made
    origin_index TEXT NOT NULL,      -- its index there
    origin_serial BIGINT NOT NULL,   -- the newest serial there
    created_at BIGINT NOT NULL,
    signers TEXT NOT NULL,           -- ids of keys, separated by commas
    files BIGINT NOT NULL,           -- that it brought
    who TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (index_name, manifest_sha256)
);

-- Projects that installers asked an index for, and that it does not have.
CREATE TABLE wish (
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT NOT NULL,
    target TEXT NOT NULL,            -- as far as the User-Agent told of it; empty: unknown
    asked BIGINT NOT NULL,           -- how often
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    refused TEXT,                    -- why the last bundle does not have it
    PRIMARY KEY (index_name, project, target)
);
