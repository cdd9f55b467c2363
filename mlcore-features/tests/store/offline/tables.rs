//! Small tables, in every layout, and where they are read from.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int16Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchIterator, StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
};
use mlcore::arrow::datatypes::{DataType, Int32Type, Int64Type, Schema, TimeUnit};
use mlcore_features::pipeline::{Reader, Reopened};
use mlcore_features::store::offline::{Source, Streamed};

/// Moments in half seconds as a column of this unit; whole seconds alone are exact in seconds.
pub(super) fn moments(halves: &[Option<i64>], unit: TimeUnit) -> ArrayRef {
    let scaled = |scale: i64| halves.iter().map(|half| half.map(|half| half * scale)).collect::<Vec<_>>();
    match unit {
        TimeUnit::Second => {
            let seconds = halves.iter().map(|half| half.map(|half| half.div_euclid(2)));
            Arc::new(seconds.collect::<TimestampSecondArray>())
        }
        TimeUnit::Millisecond => Arc::new(TimestampMillisecondArray::from(scaled(500))),
        TimeUnit::Microsecond => {
            Arc::new(TimestampMicrosecondArray::from(scaled(500_000)).with_timezone("UTC"))
        }
        TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(scaled(500_000_000))),
    }
}

/// Whole numbers in one of some layouts.
pub(super) fn wholes(values: &[Option<i64>], layout: usize) -> ArrayRef {
    match layout % 4 {
        0 => Arc::new(values.iter().copied().collect::<Int64Array>()),
        1 => Arc::new(values.iter().map(|value| value.map(|value| value as i16)).collect::<Int16Array>()),
        2 => Arc::new(values.iter().map(|value| value.map(|value| value as u32)).collect::<UInt32Array>()),
        _ => Arc::new(
            values
                .iter()
                .map(|value| Some(value.map_or(f64::NAN, |value| value as f64)))
                .collect::<mlcore::arrow::array::Float64Array>(),
        ),
    }
}

/// Texts in one of some layouts.
pub(super) fn texts(values: &[Option<String>], layout: usize) -> ArrayRef {
    let values = values.iter().map(|value| value.as_deref());
    match layout % 4 {
        0 => Arc::new(values.collect::<StringArray>()),
        1 => Arc::new(values.collect::<LargeStringArray>()),
        2 => Arc::new(values.collect::<StringViewArray>()),
        _ => Arc::new(values.collect::<DictionaryArray<Int32Type>>()),
    }
}

/// A table in batches of so many rows.
pub(super) fn cut(table: &RecordBatch, rows: usize) -> Vec<RecordBatch> {
    if table.num_rows() == 0 {
        return vec![table.clone()];
    }
    let starts = (0..table.num_rows()).step_by(rows);
    starts.map(|start| table.slice(start, rows.min(table.num_rows() - start))).collect()
}

/// The batches as a source of one kind or another.
pub(super) fn source(batches: Vec<RecordBatch>, kind: usize) -> Box<dyn Source> {
    let schema = batches[0].schema();
    let reader = |schema: &Arc<Schema>, batches: Vec<RecordBatch>| {
        RecordBatchIterator::new(batches.into_iter().map(Ok), schema.clone())
    };
    match kind % 3 {
        0 => Box::new(batches),
        1 => Box::new(Streamed::new(schema.clone(), Reader::new(reader(&schema, batches)))),
        _ => {
            let again = schema.clone();
            Box::new(Streamed::new(schema, Reopened::new(move || Ok(reader(&again, batches.clone())))))
        }
    }
}

/// A column of integers.
pub(super) fn integers(table: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    table[name].as_primitive::<Int64Type>().iter().collect()
}

/// A column of text.
pub(super) fn words(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    table[name].as_string::<i32>().iter().map(|word| word.map(str::to_owned)).collect()
}

/// A column of moments, in nanoseconds.
pub(super) fn nanoseconds(table: &RecordBatch, name: &str) -> Vec<Option<i128>> {
    let array = &table[name];
    let unit = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        other => panic!("no moments: {other}"),
    };
    let ticks = array.to_data();
    let ticks = ticks.buffer::<i64>(0);
    (0..array.len()).map(|row| (!array.is_null(row)).then(|| i128::from(ticks[row]) * unit)).collect()
}
