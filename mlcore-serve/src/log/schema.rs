//! The columns of a prediction log, in one place: ARCHITECTURE.md explains each, and a test compares.

use std::sync::Arc;

use mlcore::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// The version of the columns. A reader refuses files of a later one by name, and reads those of earlier ones.
pub const SCHEMA_VERSION: u32 = 2;

/// Where a file says what it holds.
pub(super) const KIND_KEY: &str = "mlcore.prediction_log.kind";
pub(super) const VERSION_KEY: &str = "mlcore.prediction_log.version";

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Predictions,
    Outcomes,
}

impl Kind {
    /// The name of its folder, and what its files begin with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Predictions => "predictions",
            Self::Outcomes => "outcomes",
        }
    }

    pub(super) fn schema(self) -> SchemaRef {
        match self {
            Self::Predictions => predictions_schema(),
            Self::Outcomes => outcomes_schema(),
        }
    }
}

/// The columns of the files in `predictions/`: a row for each request.
#[must_use]
pub fn predictions_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("time", time(), false),
        Field::new("request_id", DataType::Utf8, true),
        Field::new("outcome_id", DataType::Utf8, false),
        Field::new("model", DataType::Utf8, false),
        Field::new("version", DataType::Int64, false),
        Field::new("arm", DataType::Utf8, false),
        Field::new("propensity", DataType::Float64, false),
        Field::new("probabilities", map(DataType::Float64), true),
        Field::new("epoch", DataType::Int64, true),
        Field::new("unit", DataType::Utf8, true),
        Field::new("context", DataType::Utf8, true),
        Field::new("features", list(DataType::Utf8), true),
        Field::new("tensors", DataType::Utf8, true),
        Field::new("features_digest", DataType::Utf8, true),
        Field::new("plan", DataType::Utf8, true),
        Field::new("entity_keys", list(DataType::Utf8), true),
        Field::new("feature_statuses", list(map(DataType::Utf8)), true),
        Field::new("feature_ages_seconds", list(map(DataType::Float64)), true),
        Field::new("failed_expectations", list(DataType::Utf8), true),
        Field::new("outputs", DataType::Utf8, true),
        Field::new("served_by", DataType::Utf8, false),
        Field::new("error", DataType::Utf8, true),
        Field::new("invalid", DataType::Utf8, true),
        Field::new("latency_seconds", DataType::Float64, false),
        Field::new("weight", DataType::Float64, false),
    ]))
}

/// The columns of the files in `outcomes/`: a row for each outcome that was reported.
#[must_use]
pub fn outcomes_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("time", time(), false),
        Field::new("outcome_id", DataType::Utf8, false),
        Field::new("model", DataType::Utf8, false),
        Field::new("row", DataType::Int64, true),
        Field::new("label", DataType::Float64, false),
        Field::new("status", DataType::Utf8, false),
        Field::new("loss", DataType::Float64, true),
        Field::new("weight", DataType::Float64, false),
    ]))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// As Arrow's builder of lists names the parts.
fn list(items: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", items, true)))
}

/// As Arrow's builder of maps names the parts.
fn map(values: DataType) -> DataType {
    let entries =
        Fields::from(vec![Field::new("keys", DataType::Utf8, false), Field::new("values", values, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}
