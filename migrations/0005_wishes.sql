-- What a build was asked as: its project and version, as far as they were claimed before anything ran.
-- Part of its key; `project` and `version` may be learned from the wheel later.
ALTER TABLE build ADD COLUMN claim TEXT NOT NULL DEFAULT '';
