//! The tables: those of `sqlite/migrations`, with texts that compare by their bytes, as everywhere in mlcore.

use crate::postgres::Part;

pub(super) const PART: Part =
    Part { name: "tracking", held: "tracker", open: "open tracker", migrations: &[TABLES] };

/// From nothing to version 1.
const TABLES: &str = "
CREATE TABLE experiment (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE \"C\" NOT NULL UNIQUE, ordinal text COLLATE \"C\" NOT NULL UNIQUE,
    name text COLLATE \"C\" NOT NULL UNIQUE, location text COLLATE \"C\" NOT NULL, stage bigint NOT NULL,
    created bigint NOT NULL, updated bigint NOT NULL);
CREATE INDEX experiment_by_creation ON experiment (stage, created DESC, ordinal);
CREATE TABLE experiment_tag (
    owner bigint NOT NULL, key text COLLATE \"C\" NOT NULL, value text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (owner, key));
CREATE TABLE run (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE \"C\" NOT NULL UNIQUE,
    experiment text COLLATE \"C\" NOT NULL, name text COLLATE \"C\" NOT NULL, user_id text COLLATE \"C\" NOT NULL,
    status text COLLATE \"C\" NOT NULL, start_time bigint NOT NULL, end_time bigint,
    artifact_uri text COLLATE \"C\" NOT NULL, stage bigint NOT NULL, deleted_time bigint);
CREATE INDEX run_by_start ON run (experiment, stage, start_time DESC, id);
CREATE TABLE param (
    owner bigint NOT NULL, key text COLLATE \"C\" NOT NULL, value text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (owner, key));
CREATE INDEX param_by_value ON param (key, left(value, 200), owner);
CREATE TABLE tag (
    owner bigint NOT NULL, key text COLLATE \"C\" NOT NULL, value text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (owner, key));
CREATE INDEX tag_by_value ON tag (key, left(value, 200), owner);
CREATE TABLE metric_key (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text COLLATE \"C\" NOT NULL UNIQUE);
CREATE TABLE point (
    owner bigint NOT NULL, key bigint NOT NULL, timestamp bigint NOT NULL, step bigint NOT NULL,
    bits bigint NOT NULL, model text COLLATE \"C\", dataset text COLLATE \"C\", digest text COLLATE \"C\",
    PRIMARY KEY (owner, key, timestamp, step, bits));
CREATE TABLE latest (
    owner bigint NOT NULL, key bigint NOT NULL, timestamp bigint NOT NULL, step bigint NOT NULL,
    bits bigint NOT NULL, model text COLLATE \"C\", dataset text COLLATE \"C\", digest text COLLATE \"C\",
    PRIMARY KEY (owner, key));
CREATE INDEX latest_by_value ON latest (key, bits, owner);
CREATE TABLE dataset (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, experiment text COLLATE \"C\" NOT NULL,
    name text COLLATE \"C\" NOT NULL, digest text COLLATE \"C\" NOT NULL, body text NOT NULL,
    UNIQUE (experiment, name, digest));
CREATE TABLE input (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner bigint NOT NULL, dataset bigint NOT NULL,
    context text COLLATE \"C\", tags text NOT NULL, UNIQUE (owner, dataset));
CREATE TABLE model_input (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner bigint NOT NULL,
    model text COLLATE \"C\" NOT NULL, UNIQUE (owner, model));
CREATE TABLE model_output (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner bigint NOT NULL,
    model text COLLATE \"C\" NOT NULL, step bigint NOT NULL, UNIQUE (owner, model));
CREATE TABLE logged_model (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE \"C\" NOT NULL UNIQUE,
    experiment text COLLATE \"C\" NOT NULL, name text COLLATE \"C\" NOT NULL, location text COLLATE \"C\" NOT NULL,
    created bigint NOT NULL, updated bigint NOT NULL, model_type text COLLATE \"C\",
    source_run text COLLATE \"C\", status text COLLATE \"C\" NOT NULL, stage bigint NOT NULL);
CREATE INDEX logged_model_by_experiment ON logged_model (experiment, stage, created DESC, id);
CREATE TABLE model_tag (
    owner bigint NOT NULL, key text COLLATE \"C\" NOT NULL, value text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (owner, key));
CREATE TABLE model_param (
    owner bigint NOT NULL, key text COLLATE \"C\" NOT NULL, value text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (owner, key));
CREATE TABLE model_metric (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner bigint NOT NULL,
    run text COLLATE \"C\" NOT NULL, key text COLLATE \"C\" NOT NULL, timestamp bigint NOT NULL,
    step bigint NOT NULL, bits bigint NOT NULL, dataset text COLLATE \"C\", digest text COLLATE \"C\",
    UNIQUE (owner, run, key, timestamp, step));
";
