//! Reading records allocates nothing once the memory is there: counted, not claimed.

use mlcore::batch::{RecordReader, RowBuffer, RowScratch, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{Date, TimeUnit, TimeZone};

#[path = "../../benches/src/allocations.rs"]
mod allocations;

/// The allocations of `run`.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = allocations::of_this_thread();
    run();
    allocations::of_this_thread() - before
}

#[derive(serde::Serialize)]
struct Customer {
    plan: &'static str,
    age: f64,
    since: Date,
}

#[test]
fn the_second_record_allocates_nothing() {
    let schema = Schema::new([
        Field::column("age", DType::Float64),
        Field::column("plan", DType::String),
        Field::column("since", DType::Date).nullable(),
        Field::column("seen", DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC))).nullable(),
    ])
    .unwrap();
    let mut records = RecordReader::new(&schema).unwrap().with_absent_told();
    let (mut buffer, mut scratch) = (RowBuffer::default(), RowScratch::default());
    let json = br#"{"age": 41.5, "id": 7, "plan": "premium", "since": "2024-02-29", "seen": "2024-02-29T12:00:00Z"}"#;
    let customer = Customer { age: 41.5, plan: "premium", since: Date::from_days(1) };
    let mut read = || {
        let copied = records.read_json(json, |row| {
            buffer.copy(row);
            Ok(row.values().len())
        });
        let plan = scratch.with(&buffer, |row| row.values()[1] == Value::Text("premium"));
        let date = records.read(&customer, |row| Ok(row.values()[2] == Value::from(customer.since)));
        assert!(copied.unwrap() == 4 && plan && date.unwrap());
        records.read_pairs([("plan", Value::Text("premium")), ("age", 1.into())], |_| Ok(())).unwrap();
    };
    read();
    assert_eq!(allocations(read), 0);
}
