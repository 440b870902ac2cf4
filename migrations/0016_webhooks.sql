-- Others who are told what happened, and what programs add to an event. Conventions as in 0001.

-- A JSON object: what programs said of an upload that they let pass.
ALTER TABLE event ADD COLUMN added TEXT;

CREATE TABLE webhook (
    id BIGINT PRIMARY KEY,           -- the serial of the event that made it
    index_name TEXT REFERENCES namespace (name) ON DELETE CASCADE, -- NULL: it hears of all indexes
    url TEXT NOT NULL,               -- may hold a credential
    events TEXT,                     -- words, separated by commas; NULL: all
    secret TEXT NOT NULL,            -- signs the documents
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    serial BIGINT NOT NULL,          -- all events up to this one are delivered, given up, or not for it
    tries BIGINT NOT NULL,           -- of the event that is delivered now
    gave_up BIGINT NOT NULL,         -- 1: an event was given up, and nothing was delivered since
    next_at BIGINT NOT NULL,         -- nothing is sent before
    deliveries BIGINT NOT NULL,      -- counts all tries, to number them
    lease_by TEXT NOT NULL,          -- the process that delivers now; empty: none
    lease_until BIGINT NOT NULL
);
CREATE INDEX webhook_index ON webhook (index_name);

-- The newest tries of each.
CREATE TABLE webhook_delivery (
    webhook BIGINT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    serial BIGINT,                   -- of the event; NULL: somebody tried the webhook
    event TEXT NOT NULL,
    attempt BIGINT NOT NULL,         -- of this event, from 1
    at BIGINT NOT NULL,
    took BIGINT NOT NULL,            -- microseconds
    status BIGINT,                   -- of the answer; NULL: there was none
    error TEXT,                      -- NULL: it was delivered
    PRIMARY KEY (webhook, number)
);
