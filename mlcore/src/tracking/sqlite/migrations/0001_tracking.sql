-- Times are milliseconds since 1970. `bits` is a metric's value as a whole number of the same order, NaN the greatest: SQLite has no
-- NaN. `stage` is 0 for what is active and 1 for what is deleted. `owner` is the number of the row that something belongs to.
-- `ordinal` orders ids that are numbers as numbers. Tables without row ids are one tree, in the order that they are read in.
-- `postgres/schema.rs` makes the same tables: the statements are shared.

CREATE TABLE experiment (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    ordinal  TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL UNIQUE,
    location TEXT NOT NULL,
    stage    INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT;

CREATE INDEX experiment_by_creation ON experiment (stage, created DESC, ordinal);

CREATE TABLE experiment_tag (
    owner INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
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
    owner INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX param_by_value ON param (key, value, owner);

CREATE TABLE tag (
    owner INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX tag_by_value ON tag (key, value, owner);

-- A key is stored once, and not with each of ten million points.
CREATE TABLE metric_key (
    number INTEGER PRIMARY KEY,
    key    TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE point (
    owner     INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    model     TEXT,
    dataset   TEXT,
    digest    TEXT,
    PRIMARY KEY (owner, key, timestamp, step, bits)
) STRICT, WITHOUT ROWID;

-- The point of each metric that a run shows.
CREATE TABLE latest (
    owner     INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    model     TEXT,
    dataset   TEXT,
    digest    TEXT,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX latest_by_value ON latest (key, bits, owner);

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
    owner   INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    context TEXT,
    tags    TEXT NOT NULL,
    UNIQUE (owner, dataset)
) STRICT;

CREATE TABLE model_input (
    place INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    model TEXT NOT NULL,
    UNIQUE (owner, model)
) STRICT;

CREATE TABLE model_output (
    place INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    model TEXT NOT NULL,
    step  INTEGER NOT NULL,
    UNIQUE (owner, model)
) STRICT;

CREATE TABLE logged_model (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    experiment TEXT NOT NULL,
    name       TEXT NOT NULL,
    location   TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    model_type TEXT,
    source_run TEXT,
    status     TEXT NOT NULL,
    stage      INTEGER NOT NULL
) STRICT;

CREATE INDEX logged_model_by_experiment ON logged_model (experiment, stage, created DESC, id);

CREATE TABLE model_tag (
    owner INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_param (
    owner INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_metric (
    place     INTEGER PRIMARY KEY,
    owner     INTEGER NOT NULL,
    run       TEXT NOT NULL,
    key       TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    bits      INTEGER NOT NULL,
    dataset   TEXT,
    digest    TEXT,
    UNIQUE (owner, run, key, timestamp, step)
) STRICT;
