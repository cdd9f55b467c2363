use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, ListBuilder, MapBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use mlcore::arrow::error::ArrowError;
use mlcore::batch::{Batch, ColumnView, RowBuffer, SmolStr, Tensor, Value};
use mlcore::name::ModelName;
use mlcore::rollout::Context;
use serde::ser::{SerializeMap as _, Serializer as _};

use super::LogOptions;
use super::looked_up::LookedUpColumns;
use super::schema::{outcomes_schema, predictions_schema};
use crate::endpoint::{ContextBuffer, OutcomeRecord, Record, RecordedInput, Written};

/// Rows of predictions that are not in a file yet.
pub(super) struct Predictions {
    rows: usize,
    time: TimestampMicrosecondBuilder,
    request_id: StringBuilder,
    outcome_id: StringBuilder,
    model: StringBuilder,
    version: Int64Builder,
    arm: StringBuilder,
    propensity: Float64Builder,
    probabilities: MapBuilder<StringBuilder, Float64Builder>,
    epoch: Int64Builder,
    unit: StringBuilder,
    context: StringBuilder,
    features: ListBuilder<StringBuilder>,
    tensors: StringBuilder,
    features_digest: StringBuilder,
    plan: StringBuilder,
    looked_up: LookedUpColumns,
    outputs: StringBuilder,
    served_by: StringBuilder,
    error: StringBuilder,
    invalid: StringBuilder,
    latency: Float64Builder,
    weight: Float64Builder,
}

impl Predictions {
    pub(super) fn new() -> Self {
        let text = StringBuilder::new;
        Self {
            rows: 0,
            time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            request_id: text(),
            outcome_id: text(),
            model: text(),
            version: Int64Builder::new(),
            arm: text(),
            propensity: Float64Builder::new(),
            probabilities: MapBuilder::new(None, text(), Float64Builder::new()),
            epoch: Int64Builder::new(),
            unit: text(),
            context: text(),
            features: ListBuilder::new(text()),
            tensors: text(),
            features_digest: text(),
            plan: text(),
            looked_up: LookedUpColumns::new(),
            outputs: text(),
            served_by: text(),
            error: text(),
            invalid: text(),
            latency: Float64Builder::new(),
            weight: Float64Builder::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the row of a request.
    pub(super) fn append(&mut self, model: &ModelName, record: &Record, options: &LogOptions) {
        self.rows += 1;
        let kept = |column: &str| options.keeps(column);
        self.time.append_value(record.at.map_or(0, |at| at.as_micros()));
        self.request_id
            .append_option(record.request.as_ref().filter(|_| kept("request_id")).map(|id| id.as_str()));
        self.outcome_id.append_value(record.outcome_id.to_string());
        self.model.append_value(model.as_str());
        self.version.append_value(i64::try_from(record.version.get()).unwrap_or(i64::MAX));
        self.arm.append_value(record.arm.as_str());
        self.propensity.append_value(record.propensity);
        for (arm, probability) in &record.probabilities {
            self.probabilities.keys().append_value(arm.as_str());
            self.probabilities.values().append_value(*probability);
        }
        // Keys and values are appended side by side.
        let told = self.probabilities.append(!record.probabilities.is_empty());
        debug_assert!(told.is_ok());
        // No policy chose where it is the last.
        self.epoch.append_option(Some(record.epoch).filter(|epoch| *epoch != u32::MAX).map(i64::from));
        self.unit.append_option(record.unit.as_ref().filter(|_| kept("unit")).map(|unit| unit.as_str()));
        let context = Some(&record.context).filter(|own| !own.is_empty() && kept("context"));
        self.context.append_option(context.and_then(|own| context_text(own, options)));
        self.append_features(record, options);
        let tensors = match &record.input {
            RecordedInput::Tensors(batch) if kept("tensors") => batch_text(batch, options),
            _ => None,
        };
        self.tensors.append_option(tensors);
        let digest = Some(record.features_digest).filter(|digest| *digest != 0);
        self.features_digest.append_option(digest.map(|digest| format!("{digest:032x}")));
        self.plan.append_option(record.plan.as_ref().map(ToString::to_string));
        self.looked_up.append(record, options);
        let outputs = Some(&record.outputs).filter(|outputs| !outputs.is_empty() && kept("outputs"));
        self.outputs.append_option(outputs.and_then(|outputs| batch_text(outputs, options)));
        self.served_by.append_value(record.served_by.to_string());
        self.error.append_option(record.error);
        self.invalid.append_option(record.invalid.map(|invalid| invalid.to_string()));
        self.latency.append_value(record.latency.as_secs_f64());
        self.weight.append_value(1.0 / options.share);
    }

    fn append_features(&mut self, record: &Record, options: &LogOptions) {
        let mut has_any = false;
        match &record.input {
            _ if !options.keeps("features") => {}
            RecordedInput::Row(row) => {
                self.features.values().append_option(row_text(row, record, options));
                has_any = true;
            }
            RecordedInput::Table(table) => {
                let views: Vec<(&str, ColumnView<'_>)> = table
                    .schema_ref()
                    .fields()
                    .iter()
                    .zip(table.columns())
                    .filter(|(field, _)| options.keeps(field.name()))
                    // A column of a type that has no values here was read by no plan.
                    .filter_map(|(field, column)| {
                        Some((field.name().as_str(), ColumnView::new(field.name(), &**column).ok()?))
                    })
                    .collect();
                for row in 0..table.num_rows() {
                    let text = object(views.iter().map(|(name, view)| (*name, view.value(row))));
                    self.features.values().append_option(text);
                }
                has_any = true;
            }
            RecordedInput::Tensors(_) | RecordedInput::None => {}
        }
        self.features.append(has_any);
    }

    /// The rows as a table; none are left.
    ///
    /// # Errors
    /// None that records could cause.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let schema = predictions_schema();
        self.rows = 0;
        let [entity_keys, statuses, ages, expectations] = self.looked_up.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.request_id.finish()),
            Arc::new(self.outcome_id.finish()),
            Arc::new(self.model.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.arm.finish()),
            Arc::new(self.propensity.finish()),
            Arc::new(self.probabilities.finish()),
            Arc::new(self.epoch.finish()),
            Arc::new(self.unit.finish()),
            Arc::new(self.context.finish()),
            Arc::new(self.features.finish()),
            Arc::new(self.tensors.finish()),
            Arc::new(self.features_digest.finish()),
            Arc::new(self.plan.finish()),
            entity_keys,
            statuses,
            ages,
            expectations,
            Arc::new(self.outputs.finish()),
            Arc::new(self.served_by.finish()),
            Arc::new(self.error.finish()),
            Arc::new(self.invalid.finish()),
            Arc::new(self.latency.finish()),
            Arc::new(self.weight.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}

/// Rows of outcomes that are not in a file yet.
pub(super) struct Outcomes {
    rows: usize,
    time: TimestampMicrosecondBuilder,
    outcome_id: StringBuilder,
    model: StringBuilder,
    row: Int64Builder,
    label: Float64Builder,
    status: StringBuilder,
    loss: Float64Builder,
    weight: Float64Builder,
}

impl Outcomes {
    pub(super) fn new() -> Self {
        Self {
            rows: 0,
            time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            outcome_id: StringBuilder::new(),
            model: StringBuilder::new(),
            row: Int64Builder::new(),
            label: Float64Builder::new(),
            status: StringBuilder::new(),
            loss: Float64Builder::new(),
            weight: Float64Builder::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the row of an outcome.
    pub(super) fn append(&mut self, model: &ModelName, outcome: &OutcomeRecord, options: &LogOptions) {
        self.rows += 1;
        self.time.append_value(outcome.at.as_micros());
        self.outcome_id.append_value(outcome.outcome_id.to_string());
        self.model.append_value(model.as_str());
        self.row.append_option(outcome.row.map(|row| i64::try_from(row).unwrap_or(i64::MAX)));
        self.label.append_value(outcome.label);
        self.status.append_value(outcome.status.to_string());
        self.loss.append_option(outcome.loss);
        self.weight.append_value(1.0 / options.share);
    }

    /// The rows as a table; none are left.
    ///
    /// # Errors
    /// None that outcomes could cause.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.outcome_id.finish()),
            Arc::new(self.model.finish()),
            Arc::new(self.row.finish()),
            Arc::new(self.label.finish()),
            Arc::new(self.status.finish()),
            Arc::new(self.loss.finish()),
            Arc::new(self.weight.finish()),
        ];
        RecordBatch::try_new(outcomes_schema(), columns)
    }
}

/// A row as an object of what was sent. Where its columns are not known, their places are their names.
fn row_text(row: &RowBuffer, record: &Record, options: &LogOptions) -> Option<String> {
    let columns = record.columns.as_deref().filter(|columns| columns.len() == row.values().len());
    let numbered: Vec<String> = match columns {
        Some(_) => Vec::new(),
        None => (0..row.values().len()).map(|place| place.to_string()).collect(),
    };
    let names = columns.into_iter().flat_map(|columns| columns.names());
    let names = names.chain(numbered.iter().map(String::as_str));
    let sent = names.zip(row.values()).enumerate().filter(|(place, _)| !row.absent().contains(place));
    object(sent.map(|(_, named)| named).filter(|(name, _)| options.keeps(name)))
}

/// An object of values: themselves where JSON has their type, else under the name of their type.
fn object<'a>(values: impl Iterator<Item = (&'a str, Value<'a>)>) -> Option<String> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut text);
    let mut map = (&mut serializer).serialize_map(None).ok()?;
    for (name, value) in values {
        map.serialize_entry(name, &Written(value)).ok()?;
    }
    map.end().ok()?;
    String::from_utf8(text).ok()
}

fn context_text(context: &ContextBuffer, options: &LogOptions) -> Option<String> {
    if context.attributes().all(|(name, _)| options.keeps(name)) {
        return serde_json::to_string(context).ok();
    }
    let kept: Vec<(&str, Value<'_>)> = context.attributes().filter(|(name, _)| options.keeps(name)).collect();
    let mut rest = ContextBuffer::default();
    rest.copy(Context::EMPTY.with_attributes(&kept).with_features(context.features()));
    serde_json::to_string(&rest).ok()
}

fn batch_text(batch: &Batch, options: &LogOptions) -> Option<String> {
    if batch.names().all(|name| options.keeps(name)) {
        return serde_json::to_string(batch).ok();
    }
    let kept: Vec<(SmolStr, Tensor)> =
        batch.as_slice().iter().filter(|(name, _)| options.keeps(name)).cloned().collect();
    serde_json::to_string(&Batch::new(kept).ok()?).ok()
}
