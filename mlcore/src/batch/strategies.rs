//! What the property tests of this folder draw from.

use proptest::prelude::*;

use super::OwnedValue;
use crate::schema::DType;
use crate::time::{
    Date, DateTime, NANOSECONDS_PER_SECOND, SECONDS_PER_DAY, Time, TimeUnit, TimeZone, Timestamp, UNITS,
};

pub(crate) fn unit() -> impl Strategy<Value = TimeUnit> {
    prop::sample::select(UNITS.to_vec())
}

/// Any type of a column.
pub(crate) fn dtype() -> impl Strategy<Value = DType> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "+05:30"]);
    prop_oneof![
        prop::sample::select(DType::columns().collect::<Vec<_>>()),
        (unit(), zone).prop_map(|(unit, zone)| DType::Timestamp(unit, TimeZone::new(zone).ok())),
    ]
}

/// Any value that equals itself.
pub(crate) fn owned_value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![Just(OwnedValue::Null), dtype().prop_flat_map(value_of)]
}

/// Any value that a column of this type holds exactly, but NaN.
pub(crate) fn value_of(dtype: DType) -> BoxedStrategy<OwnedValue> {
    fn integers(low: i128, high: i128) -> BoxedStrategy<OwnedValue> {
        let ends = prop::sample::select(vec![low, high, low.max(0), high.min(1)]);
        prop_oneof![3 => low..=high, 1 => ends]
            .prop_map(move |integer| match i64::try_from(integer) {
                Ok(integer) if low < 0 => OwnedValue::Int(integer),
                _ => OwnedValue::UInt(integer as u64),
            })
            .boxed()
    }
    let floats = |round: fn(f64) -> f64| {
        prop::num::f64::ANY
            .prop_map(move |float| round(if float.is_nan() { 0.5 } else { float }).into())
            .boxed()
    };
    match dtype {
        DType::Bool => any::<bool>().prop_map(OwnedValue::Bool).boxed(),
        DType::Float16 => floats(|float| half::f16::from_f64(float).to_f64()),
        DType::Float32 => floats(|float| f64::from(float as f32)),
        DType::Float64 => floats(|float| float),
        DType::String => any::<String>().prop_map(OwnedValue::Text).boxed(),
        DType::Date => any::<i32>().prop_map(|days| Date::from_days(days).into()).boxed(),
        DType::Time(unit) => {
            let per_day = SECONDS_PER_DAY * NANOSECONDS_PER_SECOND / crate::time::nanoseconds_per(unit);
            (0..per_day).prop_map(move |count| Time::new(count, unit).unwrap().into()).boxed()
        }
        DType::Timestamp(unit, None) => {
            any::<i64>().prop_map(move |count| DateTime::new(count, unit).into()).boxed()
        }
        DType::Timestamp(unit, Some(_)) => {
            any::<i64>().prop_map(move |count| Timestamp::new(count, unit).into()).boxed()
        }
        integer => integer.exact_integers().map(|(low, high)| integers(low, high)).unwrap(),
    }
}
