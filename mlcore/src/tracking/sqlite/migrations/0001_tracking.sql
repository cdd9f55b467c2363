-- Times are milliseconds since 1970. `bits` is a metric's value as a whole number of the same order, NaN the greatest: SQLite has no
-- NaN. `stage` is 0 for what is active and 1 for what is deleted. Tables without row ids are one tree, in the order that they are read in.

CREATE TABLE experiment (
    id       TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    location TEXT NOT NULL,
    stage    INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    tags     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    number        INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    experiment    TEXT NOT NULL,
    name          TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    status        TEXT NOT NULL,
    start_time    INTEGER NOT NULL,
    end_time      INTEGER,
    artifact_uri  TEXT NOT NULL,
    stage         INTEGER NOT NULL,
    deleted_time  INTEGER
) STRICT;

CREATE INDEX run_by_start ON run (experiment, stage, start_time DESC, id);

CREATE TABLE param (
    run   INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX param_by_value ON param (key, value, run);

CREATE TABLE tag (
    run   INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX tag_by_value ON tag (key, value, run);

-- A key is stored once, and not with each of ten million points.
CREATE TABLE metric_key (
    number INTEGER PRIMARY KEY,
    key    TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE point (
    run       INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    model     TEXT,
    dataset   TEXT,
    digest    TEXT,
    PRIMARY KEY (run, key, timestamp, step, bits)
) STRICT, WITHOUT ROWID;

-- The point of each metric that a run shows.
CREATE TABLE latest (
    run       INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    model     TEXT,
    dataset   TEXT,
    digest    TEXT,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX latest_by_value ON latest (key, bits, run);

CREATE TABLE dataset (
    number      INTEGER PRIMARY KEY,
    experiment  TEXT NOT NULL,
    name        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    body        TEXT NOT NULL,
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE input (
    place   INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    tags    TEXT NOT NULL,
    UNIQUE (run, dataset)
) STRICT;

CREATE TABLE model_input (
    place INTEGER PRIMARY KEY,
    run   INTEGER NOT NULL,
    model TEXT NOT NULL,
    UNIQUE (run, model)
) STRICT;

CREATE TABLE model_output (
    place INTEGER PRIMARY KEY,
    run   INTEGER NOT NULL,
    model TEXT NOT NULL,
    step  INTEGER NOT NULL,
    UNIQUE (run, model)
) STRICT;

CREATE TABLE logged_model (
    id         TEXT NOT NULL PRIMARY KEY,
    experiment TEXT NOT NULL,
    name       TEXT NOT NULL,
    location   TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    model_type TEXT,
    source_run TEXT,
    status     TEXT NOT NULL,
    stage      INTEGER NOT NULL,
    tags       TEXT NOT NULL,
    params     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX logged_model_by_experiment ON logged_model (experiment, stage, created DESC, id);

CREATE TABLE model_metric (
    place     INTEGER PRIMARY KEY,
    model     TEXT NOT NULL,
    run       TEXT NOT NULL,
    key       TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    dataset   TEXT,
    digest    TEXT,
    UNIQUE (model, run, key, timestamp, step)
) STRICT;
