-- Names outlive what they named: what was used once never means something else for somebody else.
-- Conventions as in 0001.

-- What an account may do beside its own, by a role that root gives. A group grants nothing but what
-- an index's lists say of it.
CREATE TABLE role (
    role_name TEXT NOT NULL,         -- builder
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    PRIMARY KEY (role_name, account)
);
INSERT INTO role (role_name, account)
    SELECT 'builder', account FROM membership WHERE group_name = 'builders';

-- Accounts that were deleted. The name is given again by an administrator only, and without anything
-- that it could do before.
CREATE TABLE used_account (name TEXT PRIMARY KEY);
INSERT INTO used_account (name)
    SELECT DISTINCT detail FROM event WHERE what = 'user deleted' AND detail IS NOT NULL;

-- Files of indexes that were deleted: should an index get that name again, these names mean the same
-- bytes or none.
CREATE TABLE used_file (
    index_name TEXT NOT NULL,
    target TEXT NOT NULL,            -- of a promised wheel; '' for all others
    filename TEXT NOT NULL,
    project TEXT NOT NULL,           -- normalised
    identity TEXT,                   -- as of 0004: another spelling is the same name
    sha256 TEXT NOT NULL,
    PRIMARY KEY (index_name, target, filename)
);
CREATE INDEX used_file_project ON used_file (index_name, project);
