-- What releases of stages require: which releases require a project is asked by name. Conventions as in 0001.
-- Filled with each release; what was here before is filled in once, after the start.

CREATE TABLE requirement (
    index_name TEXT NOT NULL,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    requires TEXT NOT NULL,          -- the name of a project
    PRIMARY KEY (index_name, project, version, requires),
    FOREIGN KEY (index_name, project, version) REFERENCES release (index_name, project, version) ON DELETE CASCADE
);
CREATE INDEX requirement_requires ON requirement (requires, index_name, project);
