//! Whatever a record holds comes out as it went in.

use std::sync::Arc;
use std::time::Duration;

use mlcore::batch::{Batch, OwnedValue, Row, RowBuffer, Tensor, Value};
use mlcore::name::{RequestId, UnitId, Version};
use mlcore::rollout::Context;
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{Date, Timestamp};
use mlcore_serve::endpoint::{
    OutcomeId, OutcomeRecord, OutcomeStatus, Record, RecordSink, RecordedInput, ServedBy,
};
use mlcore_serve::log::{LogOptions, LogReader};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{arm, model, open, read};

fn value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        Just(OwnedValue::Null),
        any::<bool>().prop_map(OwnedValue::Bool),
        any::<i64>().prop_map(OwnedValue::Int),
        any::<f64>().prop_map(OwnedValue::Float),
        ".{0,8}".prop_map(OwnedValue::Text),
        (-700_000..2_900_000_i32).prop_map(|days| OwnedValue::Date(Date::from_days(days))),
    ]
}

fn same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn records_round_trip(
        rows in vec((vec(value(), 0..5), any::<u32>(), 0.0..=1.0_f64, any::<u64>(), vec(any::<f32>(), 0..4)), 1..30),
        labels in vec((any::<f64>(), proptest::option::of(0..1000_usize)), 0..10),
        most in 1..20_usize,
        millis in 0..4_000_000_000_000_i64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder, LogOptions::default().with_max_rows(most));
        let mut sink = log.sink(model());
        let id = |number: usize| OutcomeId::of(&RequestId::new(format!("r{number}")).unwrap());
        let time = Timestamp::from_millis(millis);
        for (number, (values, epoch, propensity, nanos, outputs)) in rows.iter().enumerate() {
            let borrowed: Vec<Value<'_>> = values.iter().map(OwnedValue::as_value).collect();
            let mut row = RowBuffer::default();
            row.copy(Row::unchecked(&borrowed));
            let columns = Schema::new((0..values.len()).map(|column| Field::column(format!("c {column}\"é"), DType::Float64)));
            let outputs = Batch::single("y", Tensor::column(outputs.clone()));
            let named: Vec<(&str, Value<'_>)> = borrowed.iter().map(|value| ("a", *value)).collect();
            let record = Record::new(id(number), arm("champion"), Version::new(1 + nanos % 1000).unwrap())
                .with_unit(UnitId::new(format!("u{epoch}")).unwrap(), time)
                .with_propensity(*propensity, *epoch)
                .with_probabilities([(arm("champion"), *propensity), (arm("b"), 1.0 - propensity)])
                .with_input(RecordedInput::Row(row))
                .with_columns(Arc::new(columns.unwrap()))
                .with_context(Context::EMPTY.with_attributes(&named))
                .with_latency(Duration::from_nanos(nanos % 10_000_000_000))
                .with_served_by(ServedBy::ALL[number % ServedBy::ALL.len()])
                .with_outputs(outputs);
            sink.record(&record);
        }
        for (number, (label, row)) in labels.iter().enumerate() {
            let outcome = OutcomeRecord::new(id(number), time, *label).with_status(OutcomeStatus::Orphan, Some(*label));
            sink.outcome(&row.map_or(outcome, |row| outcome.with_row(row)));
        }
        log.flush().unwrap();
        let found = read(&folder);
        prop_assert_eq!(found.len(), rows.len());
        for (number, (own, (values, epoch, propensity, nanos, outputs))) in found.iter().zip(&rows).enumerate() {
            prop_assert_eq!((own.outcome_id, own.time), (id(number), time));
            prop_assert_eq!(own.epoch.unwrap_or(u32::MAX), *epoch);
            prop_assert_eq!((own.propensity, own.probabilities[1].1), (*propensity, 1.0 - propensity));
            prop_assert_eq!(own.latency, Duration::from_nanos(nanos % 10_000_000_000));
            prop_assert_eq!(own.features[0].len(), values.len());
            for ((name, value), (place, expected)) in own.features[0].iter().zip(values.iter().enumerate()) {
                prop_assert_eq!(name, &format!("c {place}\"é"));
                prop_assert!(same(value.as_value(), expected.as_value()), "{:?} {:?}", value, expected);
            }
            for ((_, value), expected) in own.context.attributes().zip(values) {
                prop_assert!(same(value, expected.as_value()));
            }
            let numbers = own.outputs.tensor("y").unwrap().values::<f32>().unwrap().to_vec();
            prop_assert_eq!(numbers.len(), outputs.len());
            for (a, b) in numbers.iter().zip(outputs) {
                prop_assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            }
        }
        let outcomes: Vec<_> = LogReader::new(folder.path()).outcomes().unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(outcomes.len(), labels.len());
        for (own, (label, row)) in outcomes.iter().zip(&labels) {
            prop_assert_eq!((own.label.to_bits(), own.row), (label.to_bits(), *row));
        }
    }
}
