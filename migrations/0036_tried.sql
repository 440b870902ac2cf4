-- What a recipe that is tried says, so that it can be stored when it works. Conventions as in 0001.
ALTER TABLE build ADD COLUMN tried TEXT;   -- TOML as it was sent; NULL: no trial, or an older one
