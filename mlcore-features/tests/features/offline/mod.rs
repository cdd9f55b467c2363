//! Frames of polars: types, copies, plans, queries, and fitting.

mod categories;
mod fit;
mod plans;
mod queries;
mod types;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType as ArrowType, Float64Type};
use mlcore::schema::DType;
use mlcore_features::offline::polars::prelude::*;

/// A frame of so many rows: numbers with nulls and NaN, small integers, flags, words, categories, days, moments and a target.
fn frame(rows: usize) -> DataFrame {
    let each = || 0..rows;
    let age = each().map(|row| match row % 7 {
        3 => None,
        5 => Some(f64::NAN),
        _ => Some(20.0 + (row * 37 % 50) as f64 / 3.0),
    });
    let visits = each().map(|row| Some((row * row % 11) as i8));
    let active = each().map(|row| (row % 4 != 1).then_some(row % 3 == 0));
    let word = |row: usize| ["free", "pro", "team, which is longer than twelve bytes"][row % 3];
    let plan: Vec<Option<&str>> = each().map(|row| (row % 5 != 0).then(|| word(row))).collect();
    let joined = each().map(|row| Some(19_000 + (row * 53 % 1000) as i32));
    let seen = each().map(|row| Some(1_700_000_000_000_000 + (row as i64) * 987_654_321));
    let churned = each().map(|row| Some((row * 13 % 17 % 2) as i64));
    let text = StringChunked::from_iter_options("plan".into(), plan.iter().copied());
    let columns = vec![
        Float64Chunked::from_iter_options("age".into(), age).into_column(),
        Int8Chunked::from_iter_options("visits".into(), visits).into_column(),
        BooleanChunked::from_iter_options("active".into(), active).into_column(),
        text.clone().into_column(),
        text.with_name("kind".into()).into_series().cast(&categorical()).unwrap().into_column(),
        Int32Chunked::from_iter_options("joined".into(), joined).into_date().into_column(),
        Int64Chunked::from_iter_options("seen".into(), seen)
            .into_datetime(TimeUnit::Microseconds, TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap())
            .into_column(),
        Int64Chunked::from_iter_options("churned".into(), churned).into_column(),
    ];
    DataFrame::new(rows, columns).unwrap()
}

fn categorical() -> DataType {
    DataType::from_categories(Categories::global())
}

/// The same rows in chunks that begin at these, in every column.
fn chunked(frame: &DataFrame, starts: &[usize]) -> DataFrame {
    let mut ends = starts.iter().copied().skip(1).chain([frame.height()]);
    let parts = starts.iter().map(|start| frame.slice(*start as i64, ends.next().unwrap() - start));
    let whole = parts.reduce(|mut whole, part| {
        whole.vstack_mut(&part).unwrap();
        whole
    });
    whole.unwrap()
}

/// Makes sure that both tables have the same columns and the same bits in them: NaN, too, and nulls.
fn assert_same_bits(own: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(own.schema_ref().fields().len(), expected.schema_ref().fields().len());
    assert_eq!(own.num_rows(), expected.num_rows());
    for (field, (own, expected)) in
        own.schema_ref().fields().iter().zip(own.columns().iter().zip(expected.columns()))
    {
        assert_eq!(bits(own), bits(expected), "{}", field.name());
    }
}

/// The rows as text in which each bit counts, in whichever layout text lies.
fn bits(array: &ArrayRef) -> Vec<Option<String>> {
    let is_text = DType::from_arrow(array.data_type()) == Some(DType::String);
    let array = if is_text { &cast(array, &ArrowType::Utf8).unwrap() } else { array };
    let of = |row: usize| match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => format!("{:x}", floats.value(row).to_bits()),
        None => format!("{:?}", array.slice(row, 1)),
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| of(row))).collect()
}
