-- One file, one identity: two spellings of a name (`Demo_X`, `1.0` and `1.0.0`, `py3.py2`) are one file.

-- Of an upload or a wheel built here: what its name means (packaging::filename). NULL for files of a
-- mirror, which lists what its upstream lists. Files from before this step get theirs at the next
-- start; where two had one already, the later one's is its file name beside it.
ALTER TABLE file ADD COLUMN identity TEXT;
CREATE UNIQUE INDEX file_identity ON file (index_name, identity);
