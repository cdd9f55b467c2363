//! Bytes as the reference of a monitor: they are refused, or a reference that is written again equal, judges rows, counts
//! them, and answers no NaN.

use mlcore::Result;
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Schema};
use mlcore_drift::monitor::{Fleet, Monitor, MonitorReference, MonitorState, WindowCounter, WindowCounts};
use serde::de::IgnoredAny;

use crate::judged::{refused, sound};
use crate::sealed::sealed;

/// Reads bytes as a reference; says whether they are one, be it with another digest or with another length of its description.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let as_they_are = read(MonitorReference::from_bytes(bytes));
    read(MonitorReference::from_bytes(&sealed(&measured(bytes)))) | as_they_are
}

/// The bytes with the length of the description that they hold: a byte more in it would hide all else behind it.
fn measured(bytes: &[u8]) -> Vec<u8> {
    let mut measured = bytes.to_vec();
    let Some((length, content)) = bytes.get(HEADER..).and_then(|rest| rest.split_first_chunk::<8>()) else {
        return measured;
    };
    let mut description = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    if let Some(Ok(_)) = description.next() {
        let place = HEADER..HEADER + length.len();
        measured[place].copy_from_slice(&(description.byte_offset() as u64).to_le_bytes());
    }
    measured
}

fn read(outcome: Result<MonitorReference>) -> bool {
    let reference = match outcome {
        Ok(reference) => reference,
        Err(error) => {
            refused(&error);
            return false;
        }
    };
    let written = reference.to_bytes().expect("what was read is written");
    let again = MonitorReference::from_bytes(&written).expect("what is written reads back");
    assert_eq!(again.to_bytes().expect("it is written again"), written);
    assert!(again.names().eq(reference.names()) && again.columns().eq(reference.columns()));
    let small = reference.clone().with_max_values(3).to_bytes().expect("a part of it is written");
    match MonitorReference::from_bytes(&small) {
        Ok(small) => assert!(small.columns().eq(reference.columns())),
        Err(error) => refused(&error),
    }
    let monitor = reference.monitor().expect("what loads can be watched");
    // A name that no record can have: tables bring such columns.
    let Ok(schema) = reference.schema() else { return true };
    judges(monitor, &reference, &schema);
    counts(&reference, &schema);
    true
}

/// Rows of all kinds, and what the monitor says of them.
fn judges(mut monitor: Monitor, reference: &MonitorReference, schema: &Schema) {
    monitor.bind(schema).expect("the columns are the reference's");
    for number in 0..ROWS {
        let cells = cells(schema, number);
        let row = Row::new(&cells, schema).expect("the cells are those of the schema");
        sound(monitor.observe_row(row).map(|verdict| verdict.into_iter().collect()));
    }
    let open = monitor.evaluate_now().map(|verdict| vec![verdict]);
    let state = serde_json::to_string(&monitor.save()).expect("a state is written");
    let state: MonitorState = serde_json::from_str(&state).expect("what is written reads back");
    let mut again = reference.monitor().expect("it was made before");
    again.bind(schema).expect("the columns are the reference's");
    again.restore(&state).expect("the state is of the same reference");
    let restored = again.evaluate_now().map(|verdict| vec![verdict]);
    assert_eq!(restored.ok(), open.as_ref().ok().cloned());
    sound(open);
}

/// The same rows counted, and what a fleet says of the counts.
fn counts(reference: &MonitorReference, schema: &Schema) {
    let mut counter = match WindowCounter::new(reference) {
        Ok(counter) => counter,
        // A test that needs every value.
        Err(error) => return refused(&error),
    };
    counter.bind(schema).expect("the columns are the reference's");
    for number in 0..ROWS {
        let cells = cells(schema, number);
        let row = Row::new(&cells, schema).expect("the cells are those of the schema");
        counter.observe_row(row).expect("a monitor took the row");
    }
    let counts = counter.take().expect("what was counted is handed out");
    assert_eq!(WindowCounts::from_bytes(&counts.to_bytes()).expect("what is written reads back"), counts);
    let mut fleet = Fleet::new(reference).expect("a counter was made of it");
    sound(fleet.add("a", &counts).map(|verdict| verdict.into_iter().map(|all| all.verdict).collect()));
    sound(fleet.evaluate_now().map(|all| vec![all.verdict]));
}

/// The word that says what the bytes are, and their version.
const HEADER: usize = 16 + 4;
const ROWS: usize = 13;

/// One row: each column begins at another of the values that its type is tried with.
fn cells(schema: &Schema, row: usize) -> Vec<Value<'static>> {
    let numbers = [1.0, 0.0, 2.5, -1e300, f64::NAN, 3.0, f64::INFINITY, 1e18].map(Value::Float);
    let texts = ["a", "free", "", "pro", "a text of more than sixteen bytes"].map(Value::Text);
    let flags = [Value::Bool(true), Value::Null, Value::Bool(false)];
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(column, field)| {
            let values = match field.dtype() {
                DType::String => &texts[..],
                DType::Bool => &flags[..],
                _ => &numbers[..],
            };
            values[(row + column) % values.len()]
        })
        .collect()
}
