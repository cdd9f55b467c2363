//! Records are written as lines of JSON and read back.

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, OwnedValue, Row, RowBuffer, Tensor, Value, column_of};
use mlcore::name::{Arm, RequestId, Version};
use mlcore::rollout::Context;
use mlcore::schema::{DType, Field};
use mlcore::time::{Date, DateTime, Time, TimeUnit, Timestamp};
use mlcore_serve::endpoint::{OutcomeId, Record, RecordedInput, ServedBy};
use proptest::prelude::*;
use serde_json::json;

fn record() -> Record {
    Record::new(OutcomeId::of(&"order-17".parse().unwrap()), Arm::new("champion").unwrap(), Version::FIRST)
}

fn read_back(record: &Record) -> Record {
    let line = serde_json::to_string(record).unwrap();
    assert!(!line.contains('\n'), "{line}");
    let read: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), line);
    read
}

/// Says whether two values are the same but for the sign of an integer's type and the bits of a NaN.
fn same(left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => {
            left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan())
        }
        (Value::UInt(left), Value::Int(right)) => i64::try_from(left) == Ok(right),
        (left, right) => left == right,
    }
}

fn value() -> impl Strategy<Value = OwnedValue> {
    let unit = prop::sample::select(vec![
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ]);
    prop_oneof![
        Just(OwnedValue::Null),
        any::<bool>().prop_map(OwnedValue::Bool),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(OwnedValue::Int),
        prop_oneof![any::<u64>(), Just(u64::MAX), 0..9_u64].prop_map(OwnedValue::UInt),
        prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(f64::INFINITY), Just(-0.0), Just(41.0)]
            .prop_map(OwnedValue::Float),
        prop_oneof![any::<String>(), Just("NaN".to_owned()), Just("2024-02-29".to_owned())]
            .prop_map(OwnedValue::Text),
        any::<i32>().prop_map(|days| OwnedValue::Date(Date::from_days(days))),
        (0..86_400_000_000_000_i64)
            .prop_map(|count| OwnedValue::Time(Time::new(count, TimeUnit::Nanosecond).unwrap())),
        (any::<i64>(), unit.clone())
            .prop_map(|(count, unit)| OwnedValue::DateTime(DateTime::new(count, unit))),
        (any::<i64>(), unit).prop_map(|(count, unit)| OwnedValue::Timestamp(Timestamp::new(count, unit))),
    ]
}

proptest! {
    #[test]
    fn rows_and_contexts_are_read_back(
        row in prop::collection::vec(value(), 0..6),
        attributes in prop::collection::vec((any::<String>(), value()), 0..4),
        features in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..4),
    ) {
        let values: Vec<Value<'_>> = row.iter().map(OwnedValue::as_value).collect();
        let mut buffer = RowBuffer::default();
        buffer.copy(Row::unchecked(&values));
        let pairs: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), value.as_value())).collect();
        let context = Context::EMPTY.with_attributes(&pairs).with_features(&features);

        let read = read_back(&record().with_input(RecordedInput::Row(buffer)).with_context(context));
        let RecordedInput::Row(row) = &read.input else { panic!("{:?}", read.input) };
        prop_assert_eq!(row.values().len(), values.len());
        for (written, read) in values.iter().zip(row.values()) {
            prop_assert!(same(*written, read), "{written:?} {read:?}");
        }
        prop_assert_eq!(read.context.attributes().count(), pairs.len());
        for (written, read) in pairs.iter().zip(read.context.attributes()) {
            prop_assert!(written.0 == read.0 && same(written.1, read.1), "{written:?} {read:?}");
        }
        prop_assert_eq!(read.context.features().len(), features.len());
        for (written, read) in features.iter().zip(read.context.features()) {
            prop_assert!(same(Value::Float(*written), Value::Float(*read)), "{written} {read}");
        }
    }

    #[test]
    fn numbers_and_names_are_read_back(
        digest in any::<u128>(),
        nanoseconds in 0..1_u64 << 50,
        propensity in prop_oneof![0.0..=1.0, Just(f64::NAN)],
        epoch in any::<u32>(),
        scores in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 1..4),
        kind in prop::option::of(prop::sample::select(mlcore::Error::KINDS.to_vec())),
    ) {
        let mut written = record()
            .with_request(RequestId::new("order-17").unwrap())
            .with_propensity(propensity, epoch)
            .with_features(digest, Some(Digest::of("plan")))
            .with_latency(Duration::from_nanos(nanoseconds))
            .with_served_by(ServedBy::Cache)
            .with_outputs(Batch::single("y", Tensor::column(scores.clone())));
        written.error = kind;
        let read = read_back(&written);
        prop_assert_eq!(
            (read.request, read.outcome_id, read.arm, read.version),
            (written.request, written.outcome_id, written.arm, written.version)
        );
        prop_assert!(same(Value::Float(read.propensity), Value::Float(propensity)));
        prop_assert_eq!(
            (read.epoch, read.features_digest, read.plan, read.latency, read.served_by, read.error),
            (epoch, digest, written.plan, written.latency, ServedBy::Cache, kind)
        );
        for (read, written) in read.outputs.tensor("y").unwrap().values::<f32>().unwrap().iter().zip(&scores) {
            prop_assert!(read.to_bits() == written.to_bits() || (read.is_nan() && written.is_nan()));
        }
    }
}

#[test]
fn tables_and_tensors_are_read_back() {
    let moment = Timestamp::from_millis(1_709_209_800_500).into();
    let (null, text) = (Value::Null, Value::Text);
    let columns: [(&str, DType, [Value<'_>; 3]); 9] = [
        ("flag", DType::Bool, [true.into(), null, false.into()]),
        ("id", DType::Int64, [i64::MIN.into(), null, i64::MAX.into()]),
        ("big", DType::UInt64, [u64::MAX.into(), 0_u64.into(), null]),
        ("score", DType::Float64, [f64::NAN.into(), null, f64::NEG_INFINITY.into()]),
        ("share", DType::Float32, [0.1_f32.into(), null, f32::MAX.into()]),
        ("plan", DType::String, [text("NaN"), null, text("2024-02-29")]),
        ("since", DType::Date, [Date::MIN.into(), null, Date::from_days(19_782).into()]),
        ("seen", "timestamp[ms, tz=Europe/Berlin]".parse().unwrap(), [moment, null, moment]),
        ("at", DType::Time(TimeUnit::Microsecond), [Time::MIDNIGHT.into(), null, null]),
    ];
    let columns = columns.map(|(name, dtype, values)| {
        let field = Field::column(name, dtype).nullable();
        (name, column_of(&field, values).unwrap(), true)
    });
    let table = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    for table in [table.slice(1, 2), table.slice(0, 0), table] {
        let read = read_back(&record().with_input(RecordedInput::Table(Arc::new(table.clone()))));
        let RecordedInput::Table(read) = read.input else { panic!("{:?}", read.input) };
        assert_eq!(read.columns(), table.columns());
        assert!(
            read.schema().fields().iter().map(|field| field.name()).eq(table
                .schema()
                .fields()
                .iter()
                .map(|field| field.name()))
        );
    }
    let tensors = Batch::single("x", Tensor::column(vec![u64::MAX, 1]));
    let read = read_back(&record().with_input(RecordedInput::Tensors(tensors.clone())));
    assert!(matches!(read.input, RecordedInput::Tensors(read) if read == tensors));
    assert!(matches!(read_back(&record()).input, RecordedInput::None));
}

#[test]
fn what_no_record_says_is_refused() {
    let column = |dtype: &str, data: serde_json::Value| json!({"name": "a", "dtype": dtype, "data": data});
    let table = |columns: serde_json::Value| json!({"table": columns});
    for (field, wrong, expected) in [
        ("error", json!("confusion"), "\"confusion\" is no kind of error"),
        ("features_digest", json!("12"), "32 hexadecimal digits"),
        ("latency_seconds", json!(-1.0), "negative"),
        ("input", json!({"row": [[1]]}), "null, a bool, a number, text"),
        ("input", json!({"row": [{"day": "2024-02-29"}]}), "unknown variant `day`"),
        ("input", table(json!([column("int8", json!([300]))])), "expected int8, got integer 300"),
        ("input", table(json!([column("date", json!(["2024-02-29"]))])), "expected date, got text"),
        (
            "input",
            table(json!([column("int8", json!([1])), column("int8", json!([1, 2]))])),
            "column \"a\" has 2 values, and the first column 1",
        ),
    ] {
        let mut line = serde_json::to_value(record()).unwrap();
        line[field] = wrong;
        let error = serde_json::from_value::<Record>(line).unwrap_err().to_string();
        assert!(error.contains(expected), "{field}: {error}");
    }
}
