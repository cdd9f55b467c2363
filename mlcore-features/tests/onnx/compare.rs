//! A graph against the plan that it was made of.

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::{Field as ArrowField, Schema as ArrowSchema};
use mlcore::batch::{Batch, OwnedValue, Row, Tensor};
use mlcore::runner::ort::{OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result};
use mlcore_features::onnx::{OnnxExport, RefusedRows};
use mlcore_features::pipeline::Plan;

/// Absolute, and relative to numbers above 1.
pub(crate) const TOLERANCE: f64 = 1e-6;

/// What became of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Outcome {
    /// All features agree.
    Equal,
    /// Both refuse a row, and agree on which.
    Refused,
    /// The table holds what the inputs of the graph do not: a null that the plan does not take.
    Unasked,
}

/// Loads a graph without running it.
pub(crate) fn load(model: &[u8]) -> OnnxRunner {
    let options = OnnxOptions::default().with_warm_up(0);
    OnnxRunner::from_bytes_with(model, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// The inputs of a graph from the rows of a table.
pub(crate) fn inputs(plan: &Plan, model: &dyn Runner, table: &RecordBatch, missing_text: &str) -> Batch {
    let rows: Vec<Vec<OwnedValue>> = (0..table.num_rows())
        .map(|row| {
            plan.with_row_of(table, row, |values| {
                values.iter().map(|value| OwnedValue::from(*value)).collect()
            })
            .unwrap()
        })
        .collect();
    let tensor = |field: &Field| {
        let position = plan.input().names().position(|name| name == field.name()).expect("a column");
        let cells: Vec<&OwnedValue> = rows.iter().map(|row| &row[position]).collect();
        let shape = [cells.len(), 1];
        let number = |cell: &&OwnedValue| cell.as_f64().unwrap_or(f64::NAN);
        let tensor = match field.dtype() {
            DType::Float64 => Tensor::new(shape, cells.iter().map(number).collect::<Vec<f64>>()),
            DType::Float32 => Tensor::new(shape, cells.iter().map(|cell| number(cell) as f32).collect()),
            DType::Int64 => {
                let integer = |cell: &&OwnedValue| match cell {
                    OwnedValue::Int(integer) => *integer,
                    OwnedValue::UInt(integer) => i64::try_from(*integer).unwrap(),
                    other => panic!("{other:?} is no integer"),
                };
                Tensor::new(shape, cells.iter().map(integer).collect())
            }
            DType::UInt64 => {
                let integer = |cell: &&OwnedValue| match cell {
                    OwnedValue::Int(integer) => u64::try_from(*integer).unwrap(),
                    OwnedValue::UInt(integer) => *integer,
                    other => panic!("{other:?} is no integer"),
                };
                Tensor::new(shape, cells.iter().map(integer).collect())
            }
            DType::Bool => {
                let truth = |cell: &&OwnedValue| match cell {
                    OwnedValue::Bool(truth) => *truth,
                    other => panic!("{other:?} is no truth value"),
                };
                Tensor::new(shape, cells.iter().map(truth).collect())
            }
            DType::String => Tensor::strings(
                shape,
                cells.iter().map(|cell| match cell {
                    OwnedValue::Text(text) => text.as_str(),
                    _ => missing_text,
                }),
            ),
            other => panic!("{other}"),
        };
        (field.name().to_owned(), tensor.unwrap())
    };
    Batch::new(model.signature().inputs.fields().iter().map(tensor)).unwrap()
}

/// Is it the same feature?
pub(crate) fn is_close(ours: f32, expected: f32) -> bool {
    let (ours, expected) = (f64::from(ours), f64::from(expected));
    ours == expected
        || ours.is_nan() && expected.is_nan()
        || (ours - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

/// Runs the plan's graph on the table and compares with the executors, both ways of refusing rows where it refuses one.
pub(crate) fn compare(plan: &Plan, table: &RecordBatch, export: &OnnxExport, what: &str) -> Result<Outcome> {
    let strict = load(&plan.to_onnx(export)?);
    Ok(compare_with(&strict, plan, table, export, what))
}

/// The same with a graph that was loaded before.
pub(crate) fn compare_with(
    strict: &OnnxRunner,
    plan: &Plan,
    table: &RecordBatch,
    export: &OnnxExport,
    what: &str,
) -> Outcome {
    let Some(rows) = expected(plan, table) else { return Outcome::Unasked };
    let batch = inputs(plan, strict, table, &export.missing_text);
    let answer = strict.run(&batch, &RunOptions::default());
    if rows.iter().all(Option::is_some) {
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        check(plan, &answer, export, &rows, what);
        return Outcome::Equal;
    }
    let error = answer.expect_err(what).to_string();
    assert!(error.contains("out of data bounds"), "{what}: {error}");
    let export = export.clone().with_refused_rows(RefusedRows::Missing);
    let lenient = load(&plan.to_onnx(&export).unwrap());
    let answer = lenient.run(&batch, &RunOptions::default());
    check(plan, &answer.unwrap_or_else(|error| panic!("{what}: {error}")), &export, &rows, what);
    Outcome::Refused
}

/// Compares each feature; all of a row that is refused are NaN.
fn check(plan: &Plan, answer: &Batch, export: &OnnxExport, rows: &[Option<Vec<f32>>], what: &str) {
    let features = answer.tensor(&export.output).unwrap();
    assert_eq!(features.shape(), [rows.len(), plan.width()], "{what}");
    let features = features.values::<f32>().unwrap();
    for (row, expected) in rows.iter().enumerate() {
        let own = &features[row * plan.width()..(row + 1) * plan.width()];
        let Some(expected) = expected else {
            assert!(own.iter().all(|feature| feature.is_nan()), "{what}: row {row} is refused, and {own:?}");
            continue;
        };
        for (column, (ours, expected)) in own.iter().zip(expected).enumerate() {
            let name = plan.feature_names_out()[column];
            assert!(is_close(*ours, *expected), "{what}: row {row}, {name}: {ours} is not {expected}");
        }
    }
}

/// What the plan makes of each row; `None` for one that it refuses, and for a table that no graph can be asked.
fn expected(plan: &Plan, table: &RecordBatch) -> Option<Vec<Option<Vec<f32>>>> {
    let mut executor = plan.row_executor();
    let mut rows = Vec::new();
    for row in 0..table.num_rows() {
        let mut features = vec![0.0_f32; plan.width()];
        let outcome = plan.with_row_of(table, row, |values| {
            executor.run_into(Row::new(values, plan.input())?, &mut features)
        });
        match outcome.unwrap() {
            Ok(()) => rows.push(Some(features)),
            Err(Error::InvalidInput(_)) => rows.push(None),
            Err(Error::SchemaMismatch(_)) => return None,
            Err(error) => panic!("{error}"),
        }
    }
    Some(rows)
}

/// The table with columns that are not nullable where they hold no nulls in either table.
pub(crate) fn required(table: &RecordBatch, other: &RecordBatch) -> RecordBatch {
    let fields: Vec<ArrowField> = table
        .schema_ref()
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| {
            let is_missing = table.column(position).null_count() + other.column(position).null_count() > 0;
            field.as_ref().clone().with_nullable(is_missing)
        })
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), table.columns().to_vec()).unwrap()
}
