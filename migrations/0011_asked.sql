-- When somebody asked last for a build, and builds by recipes that are tried. Conventions as in 0001.

-- What a build waited counts from here. NULL: nobody asked again since it was made.
ALTER TABLE build ADD COLUMN asked_at BIGINT;
-- 1: by a recipe that is only tried; no index gets its wheel, and it keeps its recipe when it runs again.
ALTER TABLE build ADD COLUMN trial BIGINT NOT NULL DEFAULT 0;
