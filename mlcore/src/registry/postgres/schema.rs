//! The tables, and how those of an earlier version become today's.

use crate::postgres::Part;

pub(super) const PART: Part =
    Part { name: "registry", held: "registry", open: "open registry", migrations: &[TABLES, EXTERNAL] };

/// From nothing to version 1. Names and texts compare by their bytes, as everywhere in mlcore.
const TABLES: &str = "
CREATE TABLE audit (sequence bigint PRIMARY KEY, line text NOT NULL, hash bytea NOT NULL);
CREATE TABLE request (
    id text COLLATE \"C\" PRIMARY KEY, sequence bigint NOT NULL UNIQUE REFERENCES audit);
CREATE TABLE model (
    name text COLLATE \"C\" PRIMARY KEY, deleted boolean NOT NULL, body text NOT NULL, digest bytea NOT NULL);
CREATE TABLE version (
    model text COLLATE \"C\" NOT NULL REFERENCES model, version bigint NOT NULL,
    body text NOT NULL, digest bytea NOT NULL, PRIMARY KEY (model, version));
CREATE TABLE alias (
    model text COLLATE \"C\" NOT NULL, alias text COLLATE \"C\" NOT NULL, version bigint NOT NULL,
    body text NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (model, alias), FOREIGN KEY (model, version) REFERENCES version);
CREATE TABLE alias_change (
    model text COLLATE \"C\" NOT NULL, alias text COLLATE \"C\" NOT NULL,
    sequence bigint NOT NULL REFERENCES audit, body text NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (model, alias, sequence));
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'history is appended to, and never rewritten'; END $$;
CREATE TRIGGER audit_is_appended_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER moves_are_appended_to BEFORE UPDATE OR DELETE OR TRUNCATE ON alias_change
    EXECUTE FUNCTION refuse_rewriting();
";

/// From version 1 to 2: bodies and log lines tell titles, sources and renames, which a program of version 1 would take for damage.
const EXTERNAL: &str = "-- The tables stay as they are.";
