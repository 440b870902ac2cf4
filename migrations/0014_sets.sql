-- Builds that run again because a build requirement has a new version, and are published together. Conventions as in
-- 0001.

-- The requirement that such a build is pinned to, `numpy==2.5.0`; part of its key, and NULL for all others. No index
-- gets its wheel before a set releases it.
ALTER TABLE build ADD COLUMN because TEXT;

CREATE TABLE build_set (
    id BIGINT PRIMARY KEY,           -- the serial of the event that made it
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    because TEXT NOT NULL,           -- the requirement as it was asked for
    keep_going BIGINT NOT NULL,      -- 1: what went well is published even if something failed
    state TEXT NOT NULL,             -- open | published | withheld
    asked_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);

-- A build may be in several sets: what went well in one that was withheld is not built again for the next.
CREATE TABLE build_set_member (
    build_set BIGINT NOT NULL REFERENCES build_set (id) ON DELETE CASCADE,
    build BIGINT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
    replaces BIGINT NOT NULL,        -- the build of the wheel that it replaces
    was TEXT NOT NULL,               -- the version that that was built against
    doubted BIGINT NOT NULL,         -- 1: that was doubtful already
    released BIGINT NOT NULL,        -- 1: indexes may have the wheel
    PRIMARY KEY (build_set, build)
);
CREATE INDEX build_set_member_build ON build_set_member (build);
