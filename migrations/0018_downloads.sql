-- Files that one process of several on this database fetches from an upstream just now: the others wait a moment for it.

CREATE TABLE download (
    index_name TEXT NOT NULL,
    filename TEXT NOT NULL,
    process TEXT NOT NULL,
    until BIGINT NOT NULL,           -- another may begin then
    PRIMARY KEY (index_name, filename)
);
