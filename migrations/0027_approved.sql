-- What a curated index approved is looked for by project, whatever the index. Conventions as in 0001.

CREATE INDEX approval_by_project ON approval (project);
