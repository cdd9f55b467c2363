//! Runs as one table of Arrow, and the digest of a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use mlcore::artifact::Digest;
use mlcore::batch::{ColumnView, Value};
use mlcore::time::TimeUnit;
use mlcore::tracking::Run;
use mlcore::{Error, Result, interrupt};

/// A row for each run, and a column for each metric, parameter and tag that any of them has: MLflow's columns, in the order of
/// the names.
pub(super) fn runs(runs: &[Run]) -> Result<RecordBatch> {
    let (mut metrics, mut params, mut tags) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for run in runs {
        metrics.extend(run.data.metrics.keys());
        params.extend(run.data.params.keys());
        tags.extend(run.data.tags.keys());
    }
    let text = |of: &dyn Fn(&Run) -> Option<&str>| -> ArrayRef {
        Arc::new(runs.iter().map(of).collect::<StringArray>())
    };
    let time = |of: &dyn Fn(&Run) -> Option<i64>| -> ArrayRef {
        Arc::new(runs.iter().map(of).collect::<TimestampMillisecondArray>().with_timezone("UTC"))
    };
    let millis = |time: mlcore::time::Timestamp| time.as_micros().div_euclid(1000);
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("run_id".to_owned(), text(&|run| Some(run.info.id.as_str()))),
        ("experiment_id".to_owned(), text(&|run| Some(run.info.experiment.as_str()))),
        ("status".to_owned(), text(&|run| Some(run.info.status.name()))),
        ("artifact_uri".to_owned(), text(&|run| Some(&run.info.artifact_uri))),
        ("start_time".to_owned(), time(&|run| Some(millis(run.info.start_time)))),
        ("end_time".to_owned(), time(&|run| run.info.end_time.map(millis))),
    ];
    for key in metrics {
        interrupt::check(OPERATION)?;
        let values: Float64Array =
            runs.iter().map(|run| run.data.metrics.get(key).map(|metric| metric.value)).collect();
        columns.push((format!("metrics.{key}"), Arc::new(values)));
    }
    for key in params {
        interrupt::check(OPERATION)?;
        let values = text(&|run| run.data.params.get(key).map(String::as_str));
        columns.push((format!("params.{key}"), values));
    }
    for key in tags {
        interrupt::check(OPERATION)?;
        let values = text(&|run| run.data.tags.get(key).map(String::as_str));
        columns.push((format!("tags.{key}"), values));
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .map_err(|cause| Error::internal(OPERATION, "runs", cause.to_string()))
}

/// The SHA-256 of what a table holds: the names of its columns, and the values of their rows.
///
/// It is that of the same names and values whichever library they come from: NaN and null are both missing, and moments are
/// counted in nanoseconds where they fit.
pub(super) fn digest(table: &RecordBatch) -> Result<Digest> {
    let mut all = Vec::new();
    for (field, array) in table.schema_ref().fields().iter().zip(table.columns()) {
        let name = field.name();
        let plain = ColumnView::plain(name, array)?;
        let column = ColumnView::new(name, &plain)?;
        let mut bytes = Vec::with_capacity(table.num_rows() * 9);
        for row in 0..table.num_rows() {
            if row % ROWS_PER_CHECK == 0 {
                interrupt::check(DIGEST)?;
            }
            add(&mut bytes, column.value(row))?;
        }
        all.extend((name.len() as u64).to_le_bytes());
        all.extend(name.as_bytes());
        all.extend(Digest::of(&bytes).to_hex().as_bytes());
    }
    all.extend((table.num_rows() as u64).to_le_bytes());
    Ok(Digest::of(&all))
}

fn add(bytes: &mut Vec<u8>, value: Value<'_>) -> Result<()> {
    let mut number = |tag: u8, value: [u8; 8]| {
        bytes.push(tag);
        bytes.extend(value);
    };
    match value {
        Value::Null => bytes.push(b'0'),
        Value::Float(value) if value.is_nan() => bytes.push(b'0'),
        Value::Bool(value) => bytes.extend([b'b', u8::from(value)]),
        Value::Int(value) => number(b'i', value.to_le_bytes()),
        Value::UInt(value) => match i64::try_from(value) {
            Ok(value) => number(b'i', value.to_le_bytes()),
            Err(_) => number(b'u', value.to_le_bytes()),
        },
        Value::Float(value) => number(b'f', value.to_le_bytes()),
        Value::Text(text) => {
            number(b't', (text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        Value::Date(date) => number(b'd', i64::from(date.days()).to_le_bytes()),
        Value::Time(time) => {
            number(b'c', time.count_in(TimeUnit::Nanosecond).unwrap_or_default().to_le_bytes());
        }
        Value::DateTime(shown) => match shown.count_in(TimeUnit::Nanosecond) {
            Some(count) => number(b'n', count.to_le_bytes()),
            None => number(b'N', shown.as_micros().to_le_bytes()),
        },
        Value::Timestamp(moment) => match moment.count_in(TimeUnit::Nanosecond) {
            Some(count) => number(b'm', count.to_le_bytes()),
            None => number(b'M', moment.as_micros().to_le_bytes()),
        },
        other => {
            let problem = format!("it holds {}", other.described());
            return Err(Error::unsupported(DIGEST, "table", problem).remedy("give the digest yourself"));
        }
    }
    Ok(())
}

const OPERATION: &str = "search runs";
const DIGEST: &str = "digest table";
const ROWS_PER_CHECK: usize = 1 << 16;
