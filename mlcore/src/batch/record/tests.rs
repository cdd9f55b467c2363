use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::batch::{OwnedValue, strategies};
use crate::schema::DType;
use crate::time::{Date, DateTime, TimeUnit, TimeZone, Timestamp};

fn schema() -> Schema {
    Schema::new([
        Field::column("age", DType::Float64),
        Field::column("visits", DType::UInt8),
        Field::column("plan", DType::String).nullable(),
        Field::column("since", DType::Date).nullable(),
        Field::column("seen", DType::Timestamp(TimeUnit::Millisecond, Some(TimeZone::UTC))).nullable(),
    ])
    .unwrap()
}

fn owned(row: Row<'_>) -> Result<Vec<OwnedValue>> {
    Ok(row.values().iter().map(|value| value.into_owned()).collect())
}

/// What is read of JSON that leaves nulls away.
fn read(json: &str) -> Result<Vec<OwnedValue>> {
    RecordReader::new(&schema())?.with_absent_as_null().read_json(json.as_bytes(), owned)
}

#[test]
fn names_may_come_in_any_order_and_more_of_them() {
    let values = read(
        r#"{"visits": 3.0, "more": {"a": [1, {"b": null}]}, "age": 41, "plan": "a\u0062c", "seen": "2024-02-29T13:30:00.5+01:00"}"#,
    );
    let expected = [
        OwnedValue::Int(41),
        OwnedValue::Int(3),
        OwnedValue::from("abc"),
        OwnedValue::Null,
        OwnedValue::from(Timestamp::from_millis(1_709_209_800_500)),
    ];
    // JSON's integers are unsigned where they can be.
    let values: Vec<OwnedValue> = values
        .unwrap()
        .into_iter()
        .map(|value| if let OwnedValue::UInt(value) = value { OwnedValue::Int(value as i64) } else { value })
        .collect();
    assert_eq!(values, expected);
}

#[test]
fn what_a_column_cannot_hold_is_refused_by_its_name() {
    for (json, expected) in [
        (
            r#"{"visits": 3}"#,
            "read record age: the record has no value for it; a float64 is expected; send its value",
        ),
        (r#"{"age": null, "visits": 3}"#, "read record age: null, and the column is not nullable"),
        (
            r#"{"age": "41", "visits": 3}"#,
            "read record age: expected float64, got text \"41\"; send it without quotes",
        ),
        (r#"{"age": true, "visits": 3}"#, "read record age: expected float64, got bool true"),
        (r#"{"age": [41], "visits": 3}"#, "read record age: expected float64, got an array"),
        (r#"{"age": {"years": 41}, "visits": 3}"#, "read record age: expected float64, got an object"),
        (
            r#"{"age": 9007199254740993, "visits": 3}"#,
            "read record age: expected float64, got integer 9007199254740993",
        ),
        (r#"{"age": 41, "visits": 300}"#, "read record visits: expected uint8, got integer 300"),
        (r#"{"age": 41, "visits": -1}"#, "read record visits: expected uint8, got integer -1"),
        (r#"{"age": 41, "visits": 2.5}"#, "read record visits: expected uint8, got float 2.5"),
        (r#"{"age": 41, "visits": 1e300}"#, "read record visits: expected uint8, got float 1e300"),
        (r#"{"age": 41, "visits": 3, "plan": 4}"#, "read record plan: expected string, got integer 4"),
        (
            r#"{"age": 41, "visits": 3, "since": "29.2.2024"}"#,
            "read record since: expected date, got text \"29.2.2024\"; write it as",
        ),
        (
            r#"{"age": 41, "visits": 3, "since": 19782}"#,
            "read record since: expected date, got integer 19782; send it as text",
        ),
        (
            r#"{"age": 41, "visits": 3, "seen": "2024-02-29T13:30:00"}"#,
            "read record seen: expected timestamp[ms, tz=UTC], got text",
        ),
        (
            r#"{"age": 41, "visits": 3, "seen": "2024-02-29T13:30:00.0005Z"}"#,
            "read record seen: expected timestamp[ms, tz=UTC], got timestamp 2024",
        ),
        (r#"{"age": 41, "visits": 3, "age": 42}"#, "read record age: the record has the name twice"),
        (r#"{"age": 41, "#, "read record: EOF"),
        (r#"{"age": 41, "visits": 3} {}"#, "read record: trailing characters"),
        ("[41, 3]", "read record: invalid type: sequence, expected an object of names and values"),
    ] {
        let error = read(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{json}: {error}");
    }
}

#[test]
fn what_nobody_sent_is_not_imputed() {
    // A slip of the pen in the name of a column that may be missing: nobody would hear of it.
    let sent = br#"{"age": 41, "visits": 3, "plam": "pro", "since": null, "seen": null}"#;
    let mut records = RecordReader::new(&schema()).unwrap();
    let error = records.read_json(sent, owned).unwrap_err().to_string();
    assert_eq!(
        error,
        "read record plan: the record has no value for it; a string is expected; send null where it is missing"
    );
    let mut told = RecordReader::new(&schema()).unwrap().with_absent_told();
    let absent = |row: Row<'_>| Ok(row.absent().to_vec());
    assert_eq!(told.read_json(sent, absent).unwrap(), [2]);
    assert_eq!(told.read_json(br#"{"age": 41, "visits": 3}"#, absent).unwrap(), [2, 3, 4]);
    let error = told.read_json(br#"{"age": 41}"#, absent).unwrap_err().to_string();
    assert!(error.starts_with("read record visits: the record has no value"), "{error}");
    let whole = br#"{"age": 41, "visits": 3, "plan": "pro", "since": null, "seen": null}"#;
    assert!(told.read_json(whole, absent).unwrap().is_empty(), "it keeps nothing of the record before");
    assert_eq!(records.read_json(whole, owned).unwrap()[2], OwnedValue::from("pro"));
}

#[test]
fn extra_names_are_refused_where_that_is_asked_for() {
    let mut records = RecordReader::new(&schema()).unwrap().with_strict_names().with_absent_as_null();
    let error = records.read_json(br#"{"age": 41, "vists": 3}"#, owned).unwrap_err().to_string();
    assert_eq!(
        error,
        "read record vists: no such column is read; leave it away, or send one of age, visits, plan, since, seen"
    );
    assert!(records.read_json(br#"{"age": 41, "visits": 3}"#, owned).is_ok());
    let pairs = [("age", Value::Int(1)), ("visit", Value::Int(1))];
    assert!(
        records.read_pairs(pairs, owned).unwrap_err().to_string().starts_with("read record visit: no such")
    );
}

#[test]
fn floats_without_digits_have_names_and_are_no_text() {
    let values = read(r#"{"age": "-Infinity", "visits": 1, "plan": "NaN"}"#).unwrap();
    assert_eq!(values[0], OwnedValue::Float(f64::NEG_INFINITY));
    assert_eq!(values[2], OwnedValue::from("NaN"));
    assert!(read(r#"{"age": "nan", "visits": 1}"#).is_err());
}

#[test]
fn the_answer_of_the_caller_comes_back() {
    let mut records = RecordReader::new(&schema()).unwrap().with_absent_as_null();
    let full = Error::overloaded("predict", "churn", "the queue is full");
    let error = records.read_json(br#"{"age": 1, "visits": 1}"#, |_| Err::<(), _>(full)).unwrap_err();
    assert!(matches!(error, Error::Overloaded(_)));
    let tensor = Schema::new([Field::tensor("x", DType::Float32, [])]).unwrap();
    assert!(matches!(RecordReader::new(&tensor).unwrap_err(), Error::Unsupported(_)));
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Plan {
    Pro,
}

#[derive(Serialize)]
struct Years(f32);

#[derive(Serialize)]
struct More {
    plan: Option<Plan>,
    since: Date,
}

#[derive(Serialize)]
struct Customer {
    visits: u128,
    #[serde(rename = "age")]
    years: Years,
    #[serde(flatten)]
    more: More,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Timestamp>,
}

#[test]
fn a_struct_of_serde_is_a_record() {
    let mut records = RecordReader::new(&schema()).unwrap().with_absent_as_null();
    let more = || More { plan: Some(Plan::Pro), since: Date::from_days(1) };
    let customer = Customer { visits: 7, years: Years(f32::NAN), more: more(), seen: Vec::new() };
    let values = records.read(&customer, owned).unwrap();
    assert!(matches!(values[0], OwnedValue::Float(age) if age.is_nan()));
    let expected = [7_i64.into(), "pro".into(), Date::from_days(1).into(), OwnedValue::Null];
    assert_eq!(values[1..], expected);
    let seen = Customer { visits: 7, years: Years(1.0), more: more(), seen: vec![Timestamp::from_millis(0)] };
    let error = records.read(&seen, owned).unwrap_err().to_string();
    assert_eq!(error, "read record seen: expected timestamp[ms, tz=UTC], got an array");
    let wide = Customer { visits: u128::MAX, years: Years(1.0), more: more(), seen: Vec::new() };
    let error = records.read(&wide, owned).unwrap_err().to_string();
    assert!(error.starts_with("read record visits: expected uint8, got integer 340282366"), "{error}");
}

#[test]
fn what_is_no_record_is_refused() {
    let mut records = RecordReader::new(&schema()).unwrap().with_absent_as_null();
    for error in [
        records.read(&41, owned).unwrap_err(),
        records.read(&[41], owned).unwrap_err(),
        records.read(&None::<Customer>, owned).unwrap_err(),
        records.read(&BTreeMap::from([(1, 2)]), owned).unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    }
    let map = BTreeMap::from([("age", Value::Int(41)), ("visits", Value::UInt(3))]);
    assert_eq!(records.read(&map, owned).unwrap()[1], OwnedValue::UInt(3));
}

#[test]
fn a_reader_keeps_nothing_of_the_record_before() {
    let mut records = RecordReader::new(&schema()).unwrap().with_absent_as_null();
    records.read_json(br#"{"age": 1, "visits": 1, "plan": "a long name of a plan"}"#, owned).unwrap();
    assert!(records.read_json(br#"{"age": 1, "visits": []}"#, owned).is_err());
    let values = records.read_json(br#"{"visits": 1, "age": 2}"#, owned).unwrap();
    assert_eq!(values[2], OwnedValue::Null);
}

/// A schema with a value, or a null, for each of its fields.
fn records() -> impl Strategy<Value = (Schema, Vec<OwnedValue>)> {
    let column = strategies::dtype().prop_flat_map(|dtype| {
        (Just(dtype), prop_oneof![4 => strategies::value_of(dtype), 1 => Just(OwnedValue::Null)])
    });
    prop::collection::vec(column, 0..8).prop_map(|columns| {
        let (dtypes, values): (Vec<DType>, Vec<OwnedValue>) = columns.into_iter().unzip();
        let fields = dtypes.into_iter().enumerate();
        let fields = fields.map(|(position, dtype)| Field::column(format!("c{position}"), dtype).nullable());
        (Schema::new(fields).unwrap(), values)
    })
}

fn same(left: Value<'_>, right: Value<'_>) -> bool {
    // JSON has one kind of number.
    match (left.integer(), right.integer()) {
        (None, None) => left == right || left.as_f64().is_some_and(|left| Some(left) == right.as_f64()),
        (left_integer, right_integer) => left_integer == right_integer || left.as_f64() == right.as_f64(),
    }
}

proptest! {
    #[test]
    fn every_value_survives_json_by_name((schema, values) in records(), reversed in any::<bool>()) {
        let pairs = || schema.names().zip(&values);
        let mut written: Vec<String> =
            pairs().map(|(name, value)| format!("\"{name}\":{}", serde_json::to_string(&value.as_value()).unwrap())).collect();
        if reversed {
            written.reverse();
        }
        let json = format!("{{{}}}", written.join(","));
        let mut reader = RecordReader::new(&schema).unwrap();
        let from_json = reader.read_json(json.as_bytes(), owned).unwrap();
        let map: BTreeMap<&str, Value<'_>> = pairs().map(|(name, value)| (name, value.as_value())).collect();
        let from_serde = reader.read(&map, owned).unwrap();
        let from_pairs = reader.read_pairs(pairs().map(|(name, value)| (name, value.as_value())), owned).unwrap();
        prop_assert_eq!(&from_pairs, &values);
        for ((json, serde), value) in from_json.iter().zip(&from_serde).zip(&values) {
            prop_assert!(same(json.as_value(), value.as_value()), "{} {}", json, value);
            prop_assert!(same(serde.as_value(), value.as_value()), "{} {}", serde, value);
        }
        for value in &values {
            let tagged = serde_json::to_string(value).unwrap();
            prop_assert_eq!(&serde_json::from_str::<OwnedValue>(&tagged).unwrap(), value);
        }
    }

    #[test]
    fn no_json_makes_the_reader_panic(json in "\\PC{0,40}", value in "[-0-9.eE\"a-zT:Z]{0,30}") {
        let _ = read(&json);
        let _ = read(&format!("{{\"age\":{value},\"since\":\"{value}\",\"seen\":\"{value}\"}}"));
        let _ = value.parse::<DateTime>();
    }
}
