-- The search index of each node follows what mirrors take in: no event tells of it.
CREATE INDEX upstream_page_checked ON upstream_page (checked_at);
CREATE INDEX file_mirrored ON file (uploaded_at) WHERE url IS NOT NULL;
