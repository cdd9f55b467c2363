//! Great Expectations' own answers, from `testdata/golden/validate.json`: its suites are imported, run in batches of several
//! sizes and in two runs that are merged, and compared field by field.

use std::fs;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use mlcore_features::validate::{CompiledSuite, ExpectationResult, Report, RunOptions, Suite};
use serde_json::Value as Json;

use crate::tables::schema_of;

const DAY: i64 = 86_400_000_000_000;
/// 2024-01-01.
const FIRST_DAY: i64 = 19_723;

fn cases() -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/validate.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn column(spec: &Json) -> (String, ArrayRef) {
    let values = spec["values"].as_array().unwrap();
    let array: ArrayRef = match spec["kind"].as_str().unwrap() {
        "int64" => std::sync::Arc::new(values.iter().map(Json::as_i64).collect::<Int64Array>()),
        "float64" => std::sync::Arc::new(values.iter().map(Json::as_f64).collect::<Float64Array>()),
        "bool" => std::sync::Arc::new(values.iter().map(Json::as_bool).collect::<BooleanArray>()),
        "string" => std::sync::Arc::new(values.iter().map(Json::as_str).collect::<StringArray>()),
        "timestamp" => {
            let moments = values.iter().map(|day| Some((FIRST_DAY + day.as_i64()?) * DAY));
            std::sync::Arc::new(moments.collect::<TimestampNanosecondArray>())
        }
        other => panic!("{other}"),
    };
    (spec["name"].as_str().unwrap().to_owned(), array)
}

fn table(case: &Json) -> RecordBatch {
    let columns = case["columns"].as_array().unwrap().iter().map(column);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn in_batches(suite: &CompiledSuite, table: &RecordBatch, size: usize) -> Report {
    let mut run = suite.start(&RunOptions::default());
    for start in (0..table.num_rows()).step_by(size) {
        run.update(&table.slice(start, size.min(table.num_rows() - start))).unwrap();
    }
    run.finish().unwrap()
}

fn in_two_runs(suite: &CompiledSuite, table: &RecordBatch) -> Report {
    let options = RunOptions::default();
    let (mut first, mut second) = (suite.start(&options), suite.start(&options));
    let middle = table.num_rows() / 3;
    first.update(&table.slice(0, middle)).unwrap();
    second.update(&table.slice(middle, table.num_rows() - middle)).unwrap();
    first.merge(second).unwrap();
    first.finish().unwrap()
}

/// Whether both are equal: numbers to 1e-9, relative; texts of moments by their day.
fn same(own: &Json, golden: &Json) -> bool {
    match (own, golden) {
        (Json::Number(own), Json::Number(golden)) => {
            let (own, golden) = (own.as_f64().unwrap(), golden.as_f64().unwrap());
            (own - golden).abs() <= 1e-9 * golden.abs().max(f64::MIN_POSITIVE)
        }
        (Json::Array(own), Json::Array(golden)) => {
            own.len() == golden.len() && own.iter().zip(golden).all(|(own, golden)| same(own, golden))
        }
        (Json::Object(own), Json::Object(golden)) => {
            own.len() == golden.len() && own.iter().all(|(name, own)| same(own, &golden[name]))
        }
        (Json::String(own), Json::String(golden)) => own == golden || own.replace('T', " ") == *golden,
        (own, golden) => own == golden,
    }
}

/// Unexpected rows of several columns as Great Expectations tells them: objects, but for pairs.
fn examples(result: &ExpectationResult, golden: &Json) -> Json {
    let columns = result.expectation.columns();
    let is_named = golden.as_array().unwrap().iter().any(Json::is_object);
    let own = &serde_json::to_value(result).unwrap()["partial_unexpected_list"];
    let named = |row: &Json| {
        let values = row.as_array().unwrap().iter().cloned();
        Json::Object(columns.iter().cloned().zip(values).collect())
    };
    if is_named { Json::Array(own.as_array().unwrap().iter().map(named).collect()) } else { own.clone() }
}

const FIELDS: [&str; 9] = [
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "partial_unexpected_index_list",
    "observed_value",
];

#[test]
fn every_answer_is_that_of_great_expectations() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in cases() {
        let imported = Suite::from_great_expectations(&case["suite"].to_string()).unwrap();
        assert_eq!(imported.refused, []);
        let table = table(&case);
        let suite = imported.suite.compile(&schema_of(&table)).unwrap();
        suite.require_answers().unwrap();
        let report = in_batches(&suite, &table, usize::MAX);
        for other in
            [in_batches(&suite, &table, 7), in_batches(&suite, &table, 1), in_two_runs(&suite, &table)]
        {
            let (other, whole) =
                (serde_json::to_value(&other).unwrap(), serde_json::to_value(&report).unwrap());
            for (other, whole) in
                other["results"].as_array().unwrap().iter().zip(whole["results"].as_array().unwrap())
            {
                assert!(same(other, whole), "in batches {other}\nwhole {whole}");
            }
        }
        for (result, golden) in report.results().iter().zip(case["results"].as_array().unwrap()) {
            let own = serde_json::to_value(result).unwrap();
            compared += 1;
            let mut differs: Vec<&str> = Vec::new();
            if own["success"] != golden["success"] {
                differs.push("success");
            }
            for field in FIELDS {
                let expected = golden[field].clone();
                let told = golden.get(field).is_some() && !(field == "observed_value" && expected.is_null());
                if told && !same(&prefix(&own[field], &expected), &expected) {
                    differs.push(field);
                }
            }
            if let Some(expected) = golden.get("partial_unexpected_list")
                && !same(&prefix(&examples(result, expected), expected), expected)
            {
                differs.push("partial_unexpected_list");
            }
            if !differs.is_empty() {
                wrong.push(format!("{}: {differs:?}\n  own {own}\n  golden {golden}", result.expectation));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= 500, "{compared}");
}

/// As many examples as the golden file holds.
fn prefix(own: &Json, golden: &Json) -> Json {
    match (own, golden) {
        (Json::Array(own), Json::Array(golden)) if golden.len() <= 5 && own.len() > golden.len() => {
            Json::Array(own.iter().take(golden.len()).cloned().collect())
        }
        _ => own.clone(),
    }
}
