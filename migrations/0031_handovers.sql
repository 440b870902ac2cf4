-- Programs that ask to be let in by somebody who is logged in with a browser. Conventions as in 0001.

CREATE TABLE handover (
    secret_sha256 TEXT PRIMARY KEY,  -- of what the program shows to get its token
    code TEXT NOT NULL UNIQUE,       -- what a person compares
    name TEXT NOT NULL,              -- what the program calls itself and its machine
    address TEXT NOT NULL,           -- where it asks from
    network TEXT NOT NULL,           -- the address, or its network: whose limit it counts for
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    owner TEXT,                      -- who decided; NULL: nobody yet
    seconds BIGINT,                  -- how long the token holds; NULL with an owner: until it is revoked
    refused BIGINT NOT NULL DEFAULT 0
);
