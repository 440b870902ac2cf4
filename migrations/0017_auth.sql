-- Other ways to prove who one is, and publishers that need no secret. Conventions as in 0001.

-- Who vouches for an account instead of a password: ldap, proxy or oidc:NAME. NULL: nobody else does.
ALTER TABLE account ADD COLUMN source TEXT;
-- What it is called there, whatever its name becomes: a DN in lower case, or the claim `sub`.
ALTER TABLE account ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX account_subject ON account (source, subject);

-- Who says so, as in account; NULL: an administrator here. The others' are replaced at each login.
ALTER TABLE membership ADD COLUMN source TEXT;

-- Who gets a short token for an index by showing a token that its issuer signed.
CREATE TABLE publisher (
    id TEXT PRIMARY KEY,
    index_name TEXT NOT NULL REFERENCES namespace (name) ON DELETE CASCADE,
    project TEXT,                    -- normalised; NULL: all of the index
    issuer TEXT NOT NULL,            -- as the claim `iss` writes it
    claims TEXT NOT NULL,            -- JSON object: what each claim must be, with `*` for any text
    by_operator BIGINT NOT NULL,     -- 1: the issuer may be in the internal network
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX publisher_index ON publisher (index_name);
CREATE INDEX publisher_issuer ON publisher (issuer);

-- Of a token that a publisher got: which one.
ALTER TABLE token ADD COLUMN publisher TEXT REFERENCES publisher (id) ON DELETE CASCADE;

-- Signed tokens that were shown and are good for nothing more, until they expire.
CREATE TABLE used_proof (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,                -- the claim `jti`, else the token's sha256
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, id)
);
