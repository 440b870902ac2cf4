-- What builds found beside their recipes. Conventions as in 0001.

-- One row for each release and target of a context: what its latest build needed to succeed.
CREATE TABLE learned (
    context TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    target TEXT NOT NULL,
    found TEXT NOT NULL,             -- JSON of build::recipe::Recipe
    build BIGINT NOT NULL,           -- the build that found it
    learned_at BIGINT NOT NULL,
    PRIMARY KEY (context, project, version, target)
);
