-- When webhooks were told that a token ends. Conventions as in 0001.

ALTER TABLE token ADD COLUMN told_at BIGINT;
