-- Events as a log that shows whether somebody changed it: who asked from where, what was there before and after, and a
-- chain of hashes. Conventions as in 0001.

ALTER TABLE event ADD COLUMN token TEXT;       -- the id of the API token that the request came with
ALTER TABLE event ADD COLUMN address TEXT;     -- of the client
ALTER TABLE event ADD COLUMN request TEXT;     -- the id of the request
ALTER TABLE event ADD COLUMN before TEXT;      -- JSON, without secrets
ALTER TABLE event ADD COLUMN after TEXT;
ALTER TABLE event ADD COLUMN hash TEXT;        -- over the hash of the event before it and this row; NULL: from before 0024
CREATE INDEX event_place ON event (index_name, project, serial);

ALTER TABLE clock ADD COLUMN head TEXT NOT NULL DEFAULT '';          -- the hash of the newest event
-- The chain begins behind this serial, whose event had this hash: older ones were removed, or had none.
ALTER TABLE clock ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clock ADD COLUMN seal TEXT NOT NULL DEFAULT '';
UPDATE clock SET sealed = serial;
