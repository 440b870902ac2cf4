-- Whom a build counts for, and what of it is not kept any more. Conventions as in 0001.

-- The account that asked first, or `@` and the network of a stranger; empty: the server itself.
ALTER TABLE build ADD COLUMN asker TEXT NOT NULL DEFAULT '';
-- When the source of an ended build was given up: then the row does not refer to its bytes.
ALTER TABLE build ADD COLUMN source_gone_at BIGINT;
CREATE INDEX build_of_asker ON build (asker, state);
CREATE INDEX build_started ON build (asker, started_at);
CREATE INDEX build_source_of ON build_source (account);
