-- Which request asked for a build, by the id that the log has. Conventions as in 0001.

ALTER TABLE build ADD COLUMN request TEXT;   -- the last that had it run; NULL: nobody's request, or from before
