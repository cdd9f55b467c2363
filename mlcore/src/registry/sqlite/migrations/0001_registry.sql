-- The audit log is the truth; every other table is what replaying it gives, kept for fast reading.
-- `line` is the canonical text of an entry and `hash` its SHA-256. `body` is a row as JSON and `digest` the SHA-256 of the
-- table's name, a line feed and the body: SQLite itself does not notice a changed bit.
-- Tables without row ids have one tree each, so that no index can disagree with its table.

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    line     TEXT NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

CREATE TABLE request (
    id       TEXT NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL REFERENCES audit (sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE model (
    name     TEXT NOT NULL PRIMARY KEY,
    body     TEXT NOT NULL,
    digest   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE version (
    model    TEXT NOT NULL REFERENCES model (name),
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (model, version)
) STRICT, WITHOUT ROWID;

-- The moves of aliases that are set now: an alias points at a version that is there.
CREATE TABLE alias (
    model    TEXT NOT NULL,
    alias    TEXT NOT NULL,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES version (model, version)
) STRICT, WITHOUT ROWID;

-- All moves of all aliases, ever.
CREATE TABLE alias_change (
    model    TEXT NOT NULL,
    alias    TEXT NOT NULL,
    sequence INTEGER NOT NULL REFERENCES audit (sequence),
    body     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (model, alias, sequence)
) STRICT, WITHOUT ROWID;
