//! Lags and windows over a key: pandas' numbers, whatever the order of the table, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use arrow_select::take::take_record_batch;
use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampSecondArray, UInt32Array,
};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type, Int8Type, Int32Type};
use mlcore::interrupt;
use mlcore_features::window::{Closed, Lag, Rolling, Statistic, Window, WindowFeature, WindowFeatures};
use proptest::prelude::*;
use serde_json::Value;

use crate::read::{self, Case, number, text};

fn windows(case: &Case, feature: impl Into<WindowFeature>) -> WindowFeatures {
    let by = case.parameters["by"].as_array().unwrap().iter().map(text);
    let windows = WindowFeatures::by(by).with(feature);
    match case.parameters["order_by"].as_str() {
        Some(column) => windows.order_by(column),
        None => windows,
    }
}

fn lag(case: &Case) -> Lag {
    Lag::new(text(&case.parameters["column"]), case.parameters["periods"].as_i64().unwrap()).named("made")
}

fn rolling(case: &Case) -> Rolling {
    let seconds = |length: &str| {
        let (number, unit) = length.split_at(length.len() - 1);
        number.parse::<u64>().unwrap() * if unit == "D" { 86_400 } else { 3_600 }
    };
    let window = match &case.parameters["window"] {
        Value::String(length) => Window::Time(Duration::from_secs(seconds(length))),
        rows => Window::Rows(rows.as_u64().unwrap() as usize),
    };
    let statistic = text(&case.parameters["statistic"]).parse::<Statistic>().unwrap();
    let rolling = Rolling::new(text(&case.parameters["column"]), window, statistic)
        .closed(text(&case.parameters["closed"]).parse::<Closed>().unwrap())
        .named("made");
    match case.parameters["min_periods"].as_u64() {
        Some(least) => rolling.min_periods(least as usize),
        None => rolling,
    }
}

fn check(file: &str, feature: impl Fn(&Case) -> WindowFeature) {
    let cases = read::cases(file);
    assert!(cases.len() >= 12, "{file} has {} cases", cases.len());
    for case in &cases {
        let table = match windows(case, feature(case)).append_to(&case.train) {
            Ok(table) => table,
            Err(error) if case.is_refused_by("append") => {
                assert!(error.is_caller_fault(), "{}: {error}", case.name);
                continue;
            }
            Err(error) => panic!("{}: {error}", case.name),
        };
        assert!(!case.is_refused_by("append"), "{}: {:?}", case.name, case.refused);
        let made = table.column_by_name("made").unwrap();
        let expected = case.answers["column"].as_array().unwrap();
        assert_eq!(made.len(), expected.len());
        for (row, expected) in expected.iter().enumerate() {
            assert!(is_same(made, row, expected), "{}, row {row}: {:?}, pandas {expected}", case.name, made);
        }
    }
}

fn is_same(made: &ArrayRef, row: usize, expected: &Value) -> bool {
    if made.is_null(row) || expected.is_null() {
        return made.is_null(row) == expected.is_null();
    }
    match made.as_string_opt::<i32>() {
        Some(texts) => expected.as_str() == Some(texts.value(row)),
        None => {
            let ours = cast(made, &DataType::Float64).unwrap().as_primitive::<Float64Type>().value(row);
            (ours - number(expected)).abs() <= 1e-12 * number(expected).abs()
        }
    }
}

#[test]
fn lags_are_those_of_pandas() {
    check("window_lag", |case| lag(case).into());
}

#[test]
fn windows_are_those_of_pandas() {
    check("window_rolling", |case| rolling(case).into());
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn doubles(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn times(seconds: &[i64]) -> ArrayRef {
    Arc::new(TimestampSecondArray::from(seconds.to_vec()))
}

fn hour() -> Window {
    Window::Time(Duration::from_secs(3600))
}

#[test]
fn a_row_sees_the_past_alone_unless_it_is_asked_to() {
    let events = table(vec![
        ("time", times(&[0, 60, 60, 120])),
        ("amount", doubles(&[Some(1.0), Some(2.0), Some(4.0), Some(8.0)])),
    ]);
    let sum = |rolling: Rolling| {
        let windows = WindowFeatures::default().order_by("time").with(rolling.min_periods(0));
        let more = windows.append_to(&events).unwrap();
        more.column(2).as_primitive::<Float64Type>().iter().map(Option::unwrap).collect::<Vec<f64>>()
    };
    let rolling = || Rolling::new("amount", hour(), Statistic::Sum);
    // Rows of the same minute are no past of each other.
    assert_eq!(sum(rolling()), [0.0, 1.0, 1.0, 7.0]);
    assert_eq!(sum(rolling().closed(Closed::Right)), [1.0, 3.0, 7.0, 15.0]);
    let rows = || Rolling::new("amount", Window::Rows(2), Statistic::Sum);
    assert_eq!(sum(rows()), [0.0, 1.0, 3.0, 6.0]);
    assert_eq!(sum(rows().closed(Closed::Both)), [1.0, 3.0, 7.0, 14.0]);
}

#[test]
fn a_lag_keeps_every_type() {
    let words = StringArray::from(vec![Some("a"), None, Some("b")]);
    let coded: ArrayRef = Arc::new(words.iter().collect::<DictionaryArray<Int8Type>>());
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1)]),
        Some(vec![Some(2), None]),
        None,
    ]));
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 2, 3]));
    let columns = table(vec![("words", coded), ("lists", lists), ("whole", whole)]);
    let more = WindowFeatures::default()
        .with(Lag::new("words", 1))
        .with(Lag::new("lists", 1))
        .with(Lag::new("whole", 2))
        .with(Lag::new("whole", -1))
        .append_to(&columns)
        .unwrap();
    let types = |position: usize| more.column(position).data_type().clone();
    assert_eq!((types(3), types(4), types(5)), (types(0), types(1), types(2)));
    assert!(more.column(3).is_null(0) && more.column(4).as_list::<i32>().value(2).len() == 2);
    assert_eq!(more.column(5).as_primitive::<mlcore::arrow::datatypes::Int64Type>().value(2), i64::MAX);
    let names: Vec<&str> = more.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[3..], ["words_lag_1", "lists_lag_1", "whole_lag_2", "whole_lead_1"]);
}

#[test]
fn decimals_are_numbers() {
    let digits =
        Decimal128Array::from(vec![Some(150), None, Some(250)]).with_precision_and_scale(20, 2).unwrap();
    let prices = table(vec![("price", Arc::new(digits))]);
    let total = Rolling::new("price", Window::Rows(3), Statistic::Sum).min_periods(1).closed(Closed::Right);
    let more = WindowFeatures::default().with(total).append_to(&prices).unwrap();
    let sums = more.column(1).as_primitive::<Float64Type>();
    assert_eq!(sums.iter().collect::<Vec<_>>(), [Some(1.5), Some(1.5), Some(4.0)]);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let events = table(vec![
        ("key", Arc::new(StringArray::from(vec![Some("a"), None]))),
        ("time", Arc::new(TimestampSecondArray::from(vec![Some(1), None]))),
        ("step", doubles(&[Some(1.0), Some(f64::NAN)])),
        ("amount", doubles(&[Some(1.0), Some(f64::INFINITY)])),
        (
            "lists",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None])),
        ),
    ]);
    let plain = || WindowFeatures::by(["key"]);
    let mean = |column: &str, window| Rolling::new(column, window, Statistic::Mean);
    for (windows, expected) in [
        (plain().with(Lag::new("other", 1)), "other: the column is missing; the table has key, time"),
        (WindowFeatures::by(["other"]), "other: the column is missing"),
        (plain().order_by("other"), "other: the column is missing"),
        (WindowFeatures::by(["lists"]), "lists: expected text, numbers, dates or times, got List"),
        (
            WindowFeatures::default().order_by("key"),
            "key: expected dates, timestamps or numbers to order by, got text",
        ),
        (plain().order_by("time"), "time: row 1: a missing value orders no rows; leave such rows out"),
        (plain().order_by("step"), "step: row 1: a missing value orders no rows"),
        (plain().with(mean("key", Window::Rows(2))), "key: expected numbers, got string"),
        (plain().with(mean("amount", Window::Rows(2))), "amount: row 1 holds infinity"),
        (plain().with(mean("step", Window::Rows(0))), "window: that of step_mean_0 is of length 0"),
        (
            plain().with(mean("step", Window::Rows(2)).min_periods(3)),
            "min_periods: a window of 2 rows never has 3",
        ),
        (
            plain().with(mean("step", hour())),
            "step_mean_1h: a window of time needs rows that are ordered by dates",
        ),
        (plain().with(Lag::new("step", 1).named("key")), "key: there is a column of this name already"),
        (
            plain().with(Lag::new("step", 1)).with(Lag::new("step", 1)),
            "step_lag_1: there is a column of this name",
        ),
    ] {
        let error = windows.append_to(&events).unwrap_err();
        assert!(error.is_caller_fault() || matches!(error, Error::Unsupported(_)), "{error}");
        let error = error.to_string();
        assert!(error.starts_with(&format!("add window features {expected}")), "{error}");
    }
}

#[test]
fn tables_without_rows_and_windows_without_end_are_answered() {
    let empty = table(vec![("time", times(&[])), ("amount", doubles(&[]))]);
    let longest = Window::Time(Duration::MAX);
    let windows = WindowFeatures::by(["amount"])
        .order_by("time")
        .with(Lag::new("amount", i64::MIN))
        .with(Rolling::new("amount", longest, Statistic::Std))
        .with(Rolling::new("amount", Window::Rows(usize::MAX), Statistic::Sum).min_periods(1));
    assert_eq!(windows.append_to(&empty).unwrap().num_columns(), 5);
    let events = table(vec![
        ("time", times(&[i64::MIN, i64::MAX, 0])),
        ("amount", doubles(&[Some(0.0), Some(-0.0), Some(0.0)])),
    ]);
    let more = windows.append_to(&events).unwrap();
    // Both zeros are one key.
    let sums = more.column(4).as_primitive::<Float64Type>();
    assert_eq!(sums.iter().collect::<Vec<_>>(), [None, Some(0.0), Some(0.0)]);
}

#[test]
fn a_long_table_takes_little_time_and_stops_when_it_is_to() {
    let rows = 200_000;
    let key = Int64Array::from_iter_values((0..rows).map(|row| row % 3));
    let events = table(vec![
        ("key", Arc::new(key)),
        ("time", times(&(0..rows).map(|row| row * 7919 % rows).collect::<Vec<_>>())),
        ("amount", Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64)))),
    ]);
    // Windows of tens of thousands of rows: not each of them is read again for each row.
    let windows = WindowFeatures::by(["key"])
        .order_by("time")
        .with(Rolling::new("amount", Window::Time(Duration::from_secs(100_000)), Statistic::Std))
        .with(Rolling::new("amount", Window::Rows(50_000), Statistic::Max).min_periods(1));
    let more = windows.append_to(&events).unwrap();
    assert_eq!(more.column(3).null_count(), 6);
    let error = interrupt::scope(|| true, || windows.append_to(&events)).unwrap_err();
    assert_eq!(error.kind(), "interrupted");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows that differ in time are the same rows in any order of the table.
    #[test]
    fn the_order_of_the_table_does_not_matter(order in Just((0_u32..40).collect::<Vec<u32>>()).prop_shuffle(), rows in 1_usize..5) {
        let key: ArrayRef = Arc::new(Int64Array::from_iter((0..40).map(|row| (row % 11 != 0).then_some(row % 3))));
        let events = table(vec![
            ("key", key),
            ("time", times(&(0..40).map(|row| row * 17 % 41).collect::<Vec<_>>())),
            ("amount", Arc::new(Float64Array::from_iter_values((0..40).map(|row| f64::from(row * row % 23))))),
        ]);
        let windows = WindowFeatures::by(["key"])
            .order_by("time")
            .with(Lag::new("amount", rows as i64))
            .with(Rolling::new("amount", Window::Rows(rows), Statistic::Mean))
            .with(Rolling::new("amount", Window::Time(Duration::from_secs(rows as u64 * 5)), Statistic::Var));
        let order = UInt32Array::from(order);
        let taken_last = take_record_batch(&windows.append_to(&events).unwrap(), &order).unwrap();
        let taken_first = windows.append_to(&take_record_batch(&events, &order).unwrap()).unwrap();
        prop_assert_eq!(taken_last, taken_first);
    }
}
