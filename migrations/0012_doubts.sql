-- Wheels that were built here and may lack something. Conventions as in 0001.

-- Why the file is doubtful, a line for each reason; null: it is not.
ALTER TABLE built_file ADD COLUMN doubts TEXT;
