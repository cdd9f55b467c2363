//! Bytes as a stored plan: it is refused, or it is a plan that writes back equal and answers rows and tables alike.

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Row, TableBuilder, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{Date, DateTime, Time, Timestamp};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{FittedStep, Plan};
use serde_json::Value as Json;

use crate::told::told;

/// Loads a plan; says whether the bytes are one, be it without their digest, which nobody guesses.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let loaded = loaded(Plan::from_bytes(bytes));
    if let Some(plan) = &loaded {
        runs(plan);
    }
    let Ok(mut document) = serde_json::from_slice::<Json>(bytes) else { return false };
    let step = document.get("plan").unwrap_or(&document).clone();
    let Ok(step) = serde_json::from_value::<FittedStep>(step) else { return loaded.is_some() };
    let Some(plan) = self::loaded(Plan::new(step)) else { return loaded.is_some() };
    runs(&plan);
    if let Some(entries) = document.as_object_mut().filter(|entries| entries.contains_key("plan")) {
        entries.insert("digest".to_owned(), plan.digest().into());
        if let Ok(again) = Plan::from_bytes(document.to_string().as_bytes()) {
            assert_eq!(again, plan, "the same content is another plan");
        }
    }
    true
}

fn loaded(outcome: Result<Plan>) -> Option<Plan> {
    match outcome {
        Ok(plan) => Some(plan),
        Err(error) => {
            told(&error);
            let refused = matches!(error, Error::Corrupt(_) | Error::Unsupported(_) | Error::InvalidInput(_));
            assert!(refused, "bytes are a {} error: {error}", error.kind());
            None
        }
    }
}

/// Writes the plan, reads it back, and runs it on rows of all kinds.
fn runs(plan: &Plan) {
    match plan.to_bytes() {
        Ok(written) => {
            let again = Plan::from_bytes(&written).expect("what is written reads back");
            assert_eq!((&again, again.input(), again.output()), (plan, plan.input(), plan.output()));
            assert_eq!(again.to_bytes().expect("it is written again"), written);
        }
        Err(error) => assert!(matches!(error, Error::Unsupported(_)), "{}", told(&error)),
    }
    assert_eq!((plan.width(), plan.feature_names_out().len()), (plan.output().len(), plan.output().len()));
    // Missing values are an error of rows and tables alike, not of the rows that are made here.
    let lenient = plan.input().fields().iter().map(|field| field.clone().nullable());
    let lenient = Schema::new(lenient).expect("the names are the plan's");
    let rows: Vec<Vec<Value<'_>>> = (0..ROWS).map(|row| cells(&lenient, row)).collect();
    let of_rows = answers(plan, &lenient, &rows);
    let Some(table) = table(&lenient, &rows) else { return };
    match (plan.transform_dense::<f64>(&table), of_rows) {
        (Ok(table), Ok(rows)) => {
            let table = table.values::<f64>().expect("features are doubles");
            assert_eq!(table.len(), rows.len());
            let differ =
                table.iter().zip(&rows).position(|(of_table, of_row)| of_table.to_bits() != of_row.to_bits());
            assert_eq!(differ, None, "{} feature(s): {table:?}, and of rows {rows:?}", plan.width());
        }
        (Err(of_table), Err(of_rows)) => {
            told(&of_table);
            assert_eq!(of_table.kind(), of_rows.kind(), "{of_table}, and of rows {of_rows}");
        }
        (of_table, of_rows) => panic!("a table gives {of_table:?}, its rows {of_rows:?}"),
    }
    match plan.transform(&table) {
        Ok(features) => {
            assert_eq!((features.num_columns(), features.num_rows()), (plan.width(), ROWS));
            if let Err(error) = plan.inverse_transform(&features) {
                told(&error);
            }
        }
        Err(error) => drop(told(&error)),
    }
    if let Err(error) = plan.transform_dense::<f32>(&table) {
        told(&error);
    }
}

const ROWS: usize = 7;

/// The features of all rows, one after another, or the first error.
fn answers(plan: &Plan, schema: &Schema, rows: &[Vec<Value<'_>>]) -> Result<Vec<f64>> {
    let mut executor = plan.row_executor();
    let mut features = Vec::new();
    for row in rows {
        let row = Row::new(row, schema)?;
        features.extend_from_slice(executor.run(row)?);
    }
    Ok(features)
}

fn table(schema: &Schema, rows: &[Vec<Value<'_>>]) -> Option<RecordBatch> {
    let mut table = TableBuilder::new(schema).ok()?;
    for row in rows {
        table.append(Row::new(row, schema).ok()?).ok()?;
    }
    table.finish().ok()
}

/// One row: each column begins at another of the values that its type is tried with.
fn cells(schema: &Schema, row: usize) -> Vec<Value<'static>> {
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(column, field)| {
            let values = values(field);
            values.get((row + column) % values.len()).copied().unwrap_or_default()
        })
        .collect()
}

fn values(field: &Field) -> Vec<Value<'static>> {
    let dtype = field.dtype();
    let all: Vec<Value<'static>> = match dtype {
        DType::Bool => vec![Value::Bool(false), Value::Bool(true), Value::Null],
        DType::Float16 => [0.0, 1.0, -0.5, f64::NAN, 3.0].map(Value::Float).to_vec(),
        DType::Float32 | DType::Float64 => {
            [0.0, 1.0, -2.5, f64::NAN, 3.0, 1e30, -0.0, f64::INFINITY].map(Value::Float).to_vec()
        }
        DType::String => {
            ["a", "b", "", "c", "eight ch", "a text of more than sixteen bytes"].map(Value::Text).to_vec()
        }
        DType::Date => [0, 20_000, -1].map(|days| Value::Date(Date::from_days(days))).to_vec(),
        DType::Time(unit) => {
            [0, 1].iter().filter_map(|count| Time::new(*count, unit).ok()).map(Value::Time).collect()
        }
        DType::Timestamp(unit, None) => {
            [0, -1, 1 << 40].map(|count| Value::DateTime(DateTime::new(count, unit))).to_vec()
        }
        DType::Timestamp(unit, Some(_)) => {
            [0, -1, 1 << 40].map(|count| Value::Timestamp(Timestamp::new(count, unit))).to_vec()
        }
        integer if integer.is_integer() => [0, 1, 2, 3, -1, 127, i64::MAX]
            .map(Value::Int)
            .into_iter()
            .filter(|value| value.fits(integer))
            .collect(),
        _ => Vec::new(),
    };
    if all.is_empty() { vec![Value::Null] } else { all }
}
