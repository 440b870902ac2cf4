-- How much was built on each day, and how each server was in each minute of the last day. Conventions as in 0001.

-- Builds that ended, added up when they do: their rows may be deleted, or run again.
CREATE TABLE build_day (
    day BIGINT NOT NULL,             -- since 1970, UTC
    purpose TEXT NOT NULL,
    outcome TEXT NOT NULL,           -- built | failed
    class TEXT NOT NULL,             -- of the failure; empty: built
    count BIGINT NOT NULL,
    ran BIGINT NOT NULL,             -- those of them that a worker began
    micros BIGINT NOT NULL,          -- which these took, all together
    at_most_1 BIGINT NOT NULL,       -- those that took at most one second, and so on
    at_most_5 BIGINT NOT NULL,
    at_most_15 BIGINT NOT NULL,
    at_most_60 BIGINT NOT NULL,
    at_most_180 BIGINT NOT NULL,
    at_most_600 BIGINT NOT NULL,
    at_most_1800 BIGINT NOT NULL,
    at_most_3600 BIGINT NOT NULL,
    at_most_7200 BIGINT NOT NULL,
    PRIMARY KEY (day, purpose, outcome, class)
);
INSERT INTO build_day SELECT ended_at / 86400000000, purpose, state, coalesce(class, ''), count(*), count(started_at),
    coalesce(sum(ended_at - started_at), 0),
    sum(CASE WHEN ended_at - started_at <= 1000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 5000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 15000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 60000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 180000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 600000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 1800000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 3600000000 THEN 1 ELSE 0 END),
    sum(CASE WHEN ended_at - started_at <= 7200000000 THEN 1 ELSE 0 END)
    FROM build WHERE state IN ('built', 'failed') AND ended_at IS NOT NULL
    GROUP BY ended_at / 86400000000, purpose, state, coalesce(class, '');

-- One row a minute of each server, for a day.
CREATE TABLE measure (
    node TEXT NOT NULL,              -- a machine and the address that it serves on
    at BIGINT NOT NULL,
    sample TEXT NOT NULL,            -- JSON of app::measures::Sample
    PRIMARY KEY (node, at)
);
CREATE INDEX measure_at ON measure (at);
