//! Dates and times are handed on as they are, or refused by the name of their column: never taken for something else.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    ArrayRef, Date32Array, Date64Array, Float64Array, RecordBatch, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use mlcore::batch::{Row, Value, column_of};
use mlcore::schema::{DType, Field};
use mlcore::time::{Date, DateTime, Time, TimeUnit, TimeZone, Timestamp};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{
    DatetimeFeature, DatetimeFeatures, Fit, KBinsDiscretizer, MinMaxScaler, MissingValues, OneHotEncoder,
    OrdinalEncoder, SimpleImputer, StandardScaler, Strategy, Transform,
};

fn table(columns: impl IntoIterator<Item = (&'static str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn dated() -> RecordBatch {
    table([
        ("x", Arc::new(Float64Array::from(vec![1.0, 3.0])) as ArrayRef),
        ("day", Arc::new(Date32Array::from(vec![Some(19_782), None]))),
        ("at", Arc::new(Time64MicrosecondArray::from(vec![None, Some(1)]))),
        ("shown", Arc::new(TimestampNanosecondArray::from(vec![Some(-1), Some(i64::MIN)]))),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("Europe/Berlin")),
        ),
    ])
}

fn passed_on() -> Plan {
    ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["x"])
        .with("keep", Step::Passthrough, ["day", "at", "shown", "seen"])
        .verbose_feature_names_out(false)
        .fit(&dated())
        .unwrap()
}

#[test]
fn a_table_keeps_its_dates() {
    let (plan, dated) = (passed_on(), dated());
    let made = plan.transform(&dated).unwrap();
    for name in ["day", "at", "shown", "seen"] {
        assert_eq!(made.column_by_name(name), dated.column_by_name(name), "{name}");
    }
    let zone = TimeZone::new("Europe/Berlin").ok();
    let dtypes: Vec<DType> = plan.output().fields().iter().map(|field| field.dtype()).collect();
    assert_eq!(
        dtypes[1..],
        [
            DType::Date,
            DType::Time(TimeUnit::Microsecond),
            DType::Timestamp(TimeUnit::Nanosecond, None),
            DType::Timestamp(TimeUnit::Microsecond, zone),
        ]
    );
    let stored = Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap();
    assert_eq!(stored.transform(&dated).unwrap(), made);
}

#[test]
fn floats_hold_no_dates() {
    let plan = passed_on();
    for error in [
        plan.transform_dense::<f64>(&dated()).unwrap_err(),
        plan.transform_columns(&dated()).unwrap_err(),
        plan.with_row_of(&dated(), 0, |values| plan.row_executor().run(Row::unchecked(values)).unwrap_err())
            .unwrap(),
    ] {
        assert!(matches!(error, Error::Unsupported(_)) && error.context().subject() == "day", "{error}");
        assert!(error.context().remedy().unwrap().contains("an hour, a weekday"), "{error}");
    }
}

#[test]
fn rows_bring_dates_past_a_plan_that_drops_them() {
    let keep = ColumnTransformer::new()
        .with("keep", Step::Passthrough, ["x", "seen", "shown"])
        .verbose_feature_names_out(false);
    let scale = ColumnTransformer::new().with("scale", StandardScaler::default(), ["x"]);
    let plan = Pipeline::new().then("keep", keep).then("scale", scale).fit(&dated()).unwrap();
    let at = |name: &str| plan.input().position(name).unwrap();
    let moment = Value::Timestamp(Timestamp::from_millis(5));
    let shown = Value::DateTime(DateTime::from_millis(5));
    let mut values = vec![Value::Null; plan.input().len()];
    (values[at("x")], values[at("seen")], values[at("shown")]) = (Value::Float(3.0), moment, shown);
    let mut executor = plan.row_executor();
    assert_eq!(executor.run(Row::new(&values, plan.input()).unwrap()).unwrap(), [1.0]);
    values.swap(at("seen"), at("shown"));
    let error = executor.run(Row::unchecked(&values)).unwrap_err().to_string();
    assert!(error.contains("expected timestamp[") && error.contains(", got "), "{error}");
}

#[test]
fn moments_come_in_any_unit_and_zone_where_nothing_is_lost() {
    let fitted = table([(
        "seen",
        Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone("UTC")) as ArrayRef,
    )]);
    let plan = ColumnTransformer::new().with("keep", Step::Passthrough, ["seen"]).fit(&fitted).unwrap();
    let sent = |column: ArrayRef| plan.transform(&table([("seen", column)]));
    let nanoseconds = |count| TimestampNanosecondArray::from(vec![None, Some(count)]);
    let made = sent(Arc::new(nanoseconds(7_000_000).with_timezone("+02:00"))).unwrap();
    let expected = TimestampMillisecondArray::from(vec![None, Some(7)]).with_timezone("UTC");
    assert_eq!(made.column(0), &(Arc::new(expected) as ArrayRef));
    for (column, expected) in [
        (
            Arc::new(nanoseconds(7_000_001).with_timezone("UTC")) as ArrayRef,
            "transform seen: row 1: expected timestamp[ms, tz=UTC], got timestamp 1970-01-01T00:00:00.007000001Z",
        ),
        (Arc::new(nanoseconds(0)), "transform seen: expected timestamp[ms, tz=UTC], got timestamp[ns]"),
        (Arc::new(Date32Array::from(vec![0])), "transform seen: expected timestamp[ms, tz=UTC], got date"),
        (
            Arc::new(Float64Array::from(vec![0.0])),
            "transform seen: expected timestamp[ms, tz=UTC], got float64",
        ),
    ] {
        let error = sent(column).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// What a plan that was fitted on one temporal type says to a column of another.
#[test]
fn units_convert_where_nothing_is_lost_and_kinds_never() {
    let (zone, no_zone) = (Some(TimeZone::new("Europe/Berlin").unwrap()), None);
    let (us, ns, s) = (TimeUnit::Microsecond, TimeUnit::Nanosecond, TimeUnit::Second);
    let moment = |unit, zone| DType::Timestamp(unit, zone);
    let column = |dtype, value: Value<'_>| {
        let field = Field::column("at", dtype).nullable();
        table([("at", column_of(&field, [Value::Null, value]).unwrap())])
    };
    let utc = Some(TimeZone::UTC);
    let stamp = |count, unit| Value::Timestamp(Timestamp::new(count, unit));
    let shown = |count, unit| Value::DateTime(DateTime::new(count, unit));
    let time = |count, unit| Value::Time(Time::new(count, unit).unwrap());
    let day = Value::Date(Date::from_days(1));
    for (fitted, sent, value, refused) in [
        (moment(us, utc), moment(ns, utc), stamp(7_000, ns), None),
        (
            moment(us, utc),
            moment(ns, utc),
            stamp(7_001, ns),
            Some("row 1: expected timestamp[us, tz=UTC], got timestamp 1970-"),
        ),
        (moment(us, utc), moment(ns, zone), stamp(7_000, ns), None),
        (moment(us, utc), moment(s, zone), stamp(-7, s), None),
        (
            moment(us, utc),
            moment(s, utc),
            stamp(i64::MAX, s),
            Some("row 1: expected timestamp[us, tz=UTC], got timestamp +"),
        ),
        (
            moment(us, utc),
            moment(us, no_zone),
            shown(7, us),
            Some("expected timestamp[us, tz=UTC], got timestamp[us]"),
        ),
        (moment(us, utc), DType::Date, day, Some("expected timestamp[us, tz=UTC], got date")),
        (moment(us, utc), DType::Time(us), time(7, us), Some("expected timestamp[us, tz=UTC], got time[us]")),
        (moment(us, no_zone), moment(s, no_zone), shown(7, s), None),
        (
            moment(us, no_zone),
            moment(ns, no_zone),
            shown(7_001, ns),
            Some("row 1: expected timestamp[us], got date and time 1970-"),
        ),
        (
            moment(us, no_zone),
            moment(us, utc),
            stamp(7, us),
            Some("expected timestamp[us], got timestamp[us, tz=UTC]"),
        ),
        (moment(us, no_zone), DType::Date, day, Some("expected timestamp[us], got date")),
        (DType::Time(us), DType::Time(s), time(7, s), None),
        (
            DType::Time(us),
            DType::Time(ns),
            time(7_001, ns),
            Some("row 1: expected time[us], got time of day 00:00:00.000007001"),
        ),
        (DType::Time(us), DType::Date, day, Some("expected time[us], got date")),
        (DType::Date, moment(us, utc), stamp(0, us), Some("expected date, got timestamp[us, tz=UTC]")),
        (DType::Date, moment(us, no_zone), shown(0, us), Some("expected date, got timestamp[us]")),
        (DType::Date, DType::Int32, Value::Int(1), Some("expected date, got int32")),
    ] {
        let plan = ColumnTransformer::new()
            .with("keep", Step::Passthrough, ["at"])
            .verbose_feature_names_out(false)
            .fit(&column(fitted, Value::Null))
            .unwrap();
        let made = plan.transform(&column(sent, value));
        match (refused, made) {
            (None, Ok(made)) => assert_eq!(made, column(fitted, value), "{sent} as {fitted}"),
            (Some(expected), Err(error)) => {
                assert!(matches!(error, Error::SchemaMismatch(_)) && error.context().subject() == "at");
                assert!(error.context().problem().starts_with(expected), "{error}");
            }
            (_, made) => panic!("{sent} as {fitted}: {made:?}"),
        }
        // A single row says the same as a table, in the value itself.
        assert_eq!(Row::new(&[value], plan.input()).is_ok(), refused.is_none(), "{sent} as {fitted}");
    }
}

#[test]
fn dates_in_milliseconds_are_dates() {
    let days = |column: ArrayRef| table([("day", column)]);
    let fitted = days(Arc::new(Date32Array::from(vec![1])));
    let plan = ColumnTransformer::new().with("keep", Step::Passthrough, ["day"]).fit(&fitted).unwrap();
    let made = plan.transform(&days(Arc::new(Date64Array::from(vec![Some(86_400_000)])))).unwrap();
    assert_eq!(made.column(0), fitted.column(0));
    let error = plan.transform(&days(Arc::new(Date64Array::from(vec![1])))).unwrap_err().to_string();
    assert!(error.contains("day: row 0: the date is no whole day"), "{error}");
}

#[test]
fn transformers_refuse_dates_by_name() {
    let dated = dated().project(&[1]).unwrap();
    for error in [
        StandardScaler::default().fit(&dated).unwrap_err(),
        MinMaxScaler::default().fit(&dated).unwrap_err(),
        KBinsDiscretizer::default().fit(&dated).unwrap_err(),
        OneHotEncoder::default().fit(&dated).unwrap_err(),
        OrdinalEncoder::default().fit(&dated).unwrap_err(),
        SimpleImputer::default().fit(&dated).unwrap_err(),
        SimpleImputer::default().strategy(Strategy::MostFrequent).fit(&dated).unwrap_err(),
        SimpleImputer::default()
            .strategy(Strategy::Constant)
            .fill_value("2024-02-29")
            .fit(&dated)
            .unwrap_err(),
        SimpleImputer::default().strategy(Strategy::Constant).fill_value(0).fit(&dated).unwrap_err(),
    ] {
        assert!(error.is_caller_fault() && error.context().subject().contains("day"), "{error}");
        assert!(error.to_string().contains("date"), "{error}");
    }
}

#[test]
fn a_calendar_is_read_or_says_why_not() {
    let hours = DatetimeFeatures::default().features_to_extract([DatetimeFeature::Hour]);
    let kept = hours.clone().missing_values(MissingValues::Ignore).drop_original(false);
    let (fitted, made) = kept.fit_transform(&dated().project(&[1, 3, 4]).unwrap()).unwrap();
    let names = fitted.feature_names_out().unwrap();
    assert_eq!(names, ["day", "shown", "seen", "day_hour", "shown_hour", "seen_hour"]);
    assert_eq!(made.column_by_name("seen"), dated().column_by_name("seen"));
    assert!(fitted.inverse_transform(&made).is_err());

    let instants = |counts: Vec<Option<i64>>| {
        table([("seen", Arc::new(TimestampSecondArray::from(counts).with_timezone("UTC")) as ArrayRef)])
    };
    let fitted = hours.fit(&instants(vec![Some(0), Some(3600)])).unwrap();
    for (counts, expected) in [
        (vec![Some(1), None], "row 1: a missing value has neither a date nor a time"),
        (vec![Some(i64::MAX)], "row 0: +292277026596-12-04T15:30:07Z is on no day of the calendar"),
    ] {
        let error = fitted.transform(&instants(counts)).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
        assert!(
            error.to_string().starts_with(&format!("transform with DatetimeFeatures seen: {expected}")),
            "{error}"
        );
    }
    let zoned = hours.clone().time_zone("Europe/Berlin");
    for (own, columns, expected) in [
        (&zoned, [3], "shown: the column has no time zone, from which time_zone could convert"),
        (&zoned, [1], "day: the column has no time zone"),
        (&zoned, [2], "at: the column has no time zone"),
        (&zoned, [0], "x: expected dates or times, got float64"),
        (&DatetimeFeatures::default(), [2], "at: a time of day has no month"),
        (&hours.time_zone("Europe/Atlantis"), [4], "time_zone: \"Europe/Atlantis\" is no zone"),
    ] {
        let error = own.fit(&dated().project(&columns).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("fit DatetimeFeatures {expected}")), "{error}");
    }
}
