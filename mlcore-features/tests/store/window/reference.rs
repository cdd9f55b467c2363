//! Windows against the obvious way: for each question all events are looked at.

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore_features::store::definition::AggregationFunction as F;

use super::{Asked, Event};

/// The values of a column that count, the latest first; of equal times the greatest.
fn values(column: &str, own: &[&Event]) -> Vec<f64> {
    let mut values: Vec<(i64, f64)> = own
        .iter()
        .filter_map(|own| {
            let value = match column {
                "fare" => own.fare.filter(|fare| !fare.is_nan()),
                _ => own.trips.map(|trips| trips as f64),
            };
            Some((own.event?, value?))
        })
        .collect();
    values.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)));
    values.into_iter().map(|(_, value)| value).collect()
}

fn texts(own: &[&Event]) -> Vec<String> {
    let mut values: Vec<(i64, String)> =
        own.iter().filter_map(|own| Some((own.event?, own.city.clone()?))).collect();
    values.sort_by(|one, other| other.cmp(one));
    values.into_iter().map(|(_, value)| value).collect()
}

fn number(array: &ArrayRef, row: usize) -> Option<f64> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => floats.value(row),
        None => array.as_primitive::<Int64Type>().value(row) as f64,
    })
}

fn list(array: &ArrayRef, row: usize) -> Vec<f64> {
    if array.is_null(row) {
        return Vec::new();
    }
    let items = array.as_list::<i32>().value(row);
    (0..items.len()).map(|place| number(&items, place).unwrap()).collect()
}

fn text_list(array: &ArrayRef, row: usize) -> Vec<String> {
    if array.is_null(row) {
        return Vec::new();
    }
    let items = array.as_list::<i32>().value(row);
    items.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
}

/// Makes sure that each feature of each question is what its definition says. Sums of floats are compared as exact ones: let fares be
/// such that they are, or infinite.
#[track_caller]
pub(super) fn check(
    asked: &[Asked],
    events: &[Event],
    questions: &[(Option<i64>, i64)],
    found: &RecordBatch,
) {
    assert_eq!((found.num_rows(), found.num_columns()), (questions.len(), asked.len()));
    for (row, (driver, time)) in questions.iter().enumerate() {
        for (place, (function, column, window, slide)) in asked.iter().enumerate() {
            let end = time.div_euclid(*slide) * slide;
            let is_in = |own: &&Event| {
                own.driver == *driver
                    && own.event.is_some_and(|event| (end - window..end).contains(&event))
                    && own.created.is_none_or(|created| created <= *time)
            };
            let own: Vec<&Event> = events.iter().filter(is_in).collect();
            let array = found.column(place);
            let named =
                || format!("{function} of {column:?} over {window} by {slide} at {time}, driver {driver:?}");
            if driver.is_none() {
                assert!(array.is_null(row), "{}", named());
                continue;
            }
            if *column == "city" {
                let texts = texts(&own);
                match function {
                    F::LastN(count) => {
                        let due: Vec<String> = texts.into_iter().take(*count as usize).collect();
                        assert_eq!(text_list(array, row), due, "{}", named());
                    }
                    F::ApproxCountDistinct => {
                        let distinct: std::collections::BTreeSet<&String> = texts.iter().collect();
                        assert_distinct(number(array, row), distinct.len() as f64, &named());
                    }
                    _ => assert_eq!(number(array, row), Some(texts.len() as f64), "{}", named()),
                }
                continue;
            }
            if column.is_empty() {
                assert_eq!(number(array, row), Some(own.len() as f64), "{}", named());
                continue;
            }
            let values = values(column, &own);
            if let F::LastN(count) = function {
                let due: Vec<u64> =
                    values.iter().take(*count as usize).map(|value| value.to_bits()).collect();
                let last: Vec<u64> = list(array, row).iter().map(|value| value.to_bits()).collect();
                assert_eq!(last, due, "{}", named());
                continue;
            }
            let got = number(array, row);
            if let F::ApproxCountDistinct = function {
                let mut distinct: Vec<u64> = values.iter().map(|value| (value + 0.0).to_bits()).collect();
                distinct.sort_unstable();
                distinct.dedup();
                assert_distinct(got, distinct.len() as f64, &named());
                continue;
            }
            let (due, tolerance) = due(*function, &values);
            match (got, due) {
                (Some(got), Some(due)) => {
                    let is_near = (got - due).abs() <= tolerance * due.abs();
                    assert!(
                        got == due || got.is_nan() && due.is_nan() || is_near,
                        "{got}, not {due}: {}",
                        named()
                    );
                }
                _ => assert_eq!(got, due, "{}", named()),
            }
        }
    }
}

/// Within four standard errors; of few values, two may share a register.
#[track_caller]
fn assert_distinct(got: Option<f64>, due: f64, named: &str) {
    let got = got.unwrap();
    assert!((got - due).abs() <= 1.0 + 4.0 * 0.016_25 * due, "{got}, not {due}: {named}");
    assert!(due > 0.0 || got == 0.0, "{named}");
}

/// What a function amounts to, and to which part of it.
fn due(function: F, values: &[f64]) -> (Option<f64>, f64) {
    let count = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    let mean = sum / count;
    match function {
        F::Count => (Some(count), 0.0),
        _ if values.is_empty() => (None, 0.0),
        F::Sum => (Some(sum), 0.0),
        F::Mean => (Some(mean), 1e-15),
        F::Min => (sorted.first().copied(), 0.0),
        F::Max => (sorted.last().copied(), 0.0),
        F::Std if values.len() < 2 => (None, 0.0),
        F::Std => {
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            (Some((squares / (count - 1.0)).sqrt()), 1e-12)
        }
        F::ApproxQuantile(quantile) => {
            let rank = (quantile * (count - 1.0)).floor() as usize;
            (sorted.get(rank).copied(), 1.0 / 128.0)
        }
        other => panic!("{other} is not compared"),
    }
}
