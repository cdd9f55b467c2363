//! Requests that are validated: flagged, refused, given to another arm, answered by default.

use std::sync::{Arc, Mutex};

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::batch::{Batch, Row, Tensor, Value};
use mlcore_features::store::online::{Cell, MemoryStore};
use mlcore_features::validate::{Bounds, Check, Expectation, Severity, Suite};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EndpointBuilder, OnInvalid, Record, Request, RequestValidation, ServedBy};

use crate::features::{dense, encoded, endpoint, register};
use crate::lookups::{driver, lookup, write};
use crate::support::{ManualClock, Place, alias, arm, unit};

/// Ages from 0 to 120, critical; a plan that is known, a warning.
fn suite() -> Suite {
    let plans = Check::ColumnValuesToBeInSet {
        column: "plan".into(),
        value_set: ["free", "pro", "team"].map(Into::into).into(),
    };
    Suite::new("customers")
        .with(Check::ColumnValuesToBeBetween { column: "age".into(), bounds: (0..=120).into() })
        .with(Expectation::new(plans).with_severity(Severity::Warning))
        .with(Check::ColumnValuesToBeUnique { column: "age".into() })
}

fn served(validation: RequestValidation) -> (Endpoint, Arc<Mutex<Vec<Record>>>) {
    let (_place, builder) = endpoint(&encoded(), dense(4));
    recorded(builder.with_validation(validation))
}

fn recorded(builder: EndpointBuilder) -> (Endpoint, Arc<Mutex<Vec<Record>>>) {
    let records = Arc::<Mutex<Vec<Record>>>::default();
    let sink = records.clone();
    let endpoint =
        builder.with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone())).build().unwrap();
    (endpoint, records)
}

const OLD: [Value<'static>; 2] = [Value::Float(300.0), Value::Text("free")];
const ODD: [Value<'static>; 2] = [Value::Float(30.0), Value::Text("gold")];
const FINE: [Value<'static>; 2] = [Value::Float(30.0), Value::Text("pro")];

#[test]
fn a_critical_failure_is_refused_and_a_warning_is_flagged() {
    let (endpoint, records) = served(RequestValidation::new(suite()));
    let unit = unit(1);
    let ask = |values: &[Value<'_>]| endpoint.predict(Request::row(&unit, Row::unchecked(values)));
    ask(&FINE).unwrap();
    ask(&ODD).unwrap();
    let error = ask(&OLD).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "validate request suite \"customers\": the request does not meet \
         column_values_to_be_between(age, at least 0 and at most 120); send values that are as expected"
    );
    endpoint.process();
    let records = records.lock().unwrap();
    let failed: Vec<usize> = records.iter().map(|record| record.failed_expectations.len()).collect();
    assert_eq!(failed, [0, 1, 1]);
    assert!(records[1].failed_expectations[0].starts_with("column_values_to_be_in_set(plan"));
    assert_eq!((records[2].error, records[2].served_by), (Some("invalid_input"), ServedBy::Nobody));
    assert_eq!(endpoint.counts().failures, 0);
    let counts = endpoint.validation_counts().unwrap();
    assert_eq!((counts.passed, counts.flagged, counts.refused, counts.fell_back), (1, 1, 1, 0));
    assert_eq!(
        counts.expectations.iter().map(|(_, severity, count)| (*severity, *count)).collect::<Vec<_>>(),
        [(Severity::Critical, 1), (Severity::Warning, 1)]
    );
    let line = serde_json::to_string(&records[1]).unwrap();
    let read: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(read.failed_expectations, records[1].failed_expectations);
}

#[test]
fn every_row_of_a_table_is_looked_at_in_any_order_of_columns() {
    let (endpoint, _) = served(RequestValidation::new(suite()));
    let columns: [(&str, ArrayRef); 2] = [
        ("plan", Arc::new(StringArray::from(vec!["free", "pro", "gold", "team"]))),
        ("age", Arc::new(Float64Array::from(vec![1.0, -1.0, 2.0, 500.0]))),
    ];
    let table = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
    let error = endpoint.predict(Request::table(&unit(1), &table)).unwrap_err().to_string();
    assert!(
        error.contains("at most 120) (row 1, 2 in all)") && error.contains("(row 2, 1 in all)"),
        "{error}"
    );
    // A row in another order that the endpoint knows, and one that it does not.
    let reversed = mlcore::schema::Schema::new(endpoint.columns().fields().iter().rev().cloned()).unwrap();
    let values = [Value::Text("free"), Value::Float(1.0)];
    let row = Row::new(&values, &reversed).unwrap();
    let error = endpoint.predict(Request::row(&unit(1), row)).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    let short = endpoint.predict(Request::row(&unit(1), Row::unchecked(&values[..1]))).unwrap_err();
    assert!(short.is_caller_fault() && short.to_string().contains("expected 2 values, got 1"), "{short}");
    // Tensors would pass the validation by.
    let tensors = Batch::single("input", Tensor::new([1, 4], vec![0.0_f32; 4]).unwrap());
    let error = endpoint.predict(Request::tensors(&unit(1), &tensors)).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains("raw columns"), "{error}");
}

#[test]
fn a_request_falls_back_to_another_arm_or_to_a_default_answer() {
    let (place, builder) = endpoint(&encoded(), dense(4));
    place.point("simple", register(&place, &encoded(), dense(4)));
    let to_arm =
        RequestValidation::new(suite()).with_reaction(Severity::Critical, OnInvalid::Arm(arm("simple")));
    let (endpoint, records) = recorded(builder.with_arm(alias("simple")).with_validation(to_arm));
    let unit = unit(1);
    let ask = |endpoint: &Endpoint, values: &[Value<'_>]| {
        endpoint.predict(Request::row(&unit, Row::unchecked(values)))
    };
    assert_eq!(ask(&endpoint, &FINE).unwrap().arm, arm("champion"));
    assert_eq!(ask(&endpoint, &OLD).unwrap().arm, arm("simple"));
    endpoint.process();
    assert_eq!(records.lock().unwrap()[1].epoch, u32::MAX, "no policy chose it");

    let default = Batch::single("y", Tensor::column(vec![-1.0_f64]));
    let by_default =
        RequestValidation::new(suite()).with_reaction(Severity::Critical, OnInvalid::Answer(default));
    let (endpoint, records) = served(by_default);
    let given = ask(&endpoint, &OLD).unwrap();
    assert_eq!(given.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [-1.0]);
    assert_eq!(given.served_by, ServedBy::Fallback);
    let columns: [(&str, ArrayRef); 2] = [
        ("age", Arc::new(Float64Array::from(vec![1.0, -1.0, 2.0]))),
        ("plan", Arc::new(StringArray::from(vec!["free"; 3]))),
    ];
    let table = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
    let rows = endpoint.predict(Request::table(&unit, &table)).unwrap();
    assert_eq!(rows.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [-1.0; 3]);
    endpoint.process();
    assert_eq!(records.lock().unwrap()[0].failed_expectations.len(), 1);
    assert_eq!(endpoint.validation_counts().unwrap().fell_back, 2);
}

#[test]
fn what_cannot_be_asked_is_refused_when_the_endpoint_is_built() {
    let built = |validation: RequestValidation| {
        let (_place, builder) = endpoint(&encoded(), dense(4));
        builder.with_validation(validation).build().unwrap_err()
    };
    let other = Suite::new("s").with(Check::ColumnValuesToNotBeNull { column: "income".into() });
    let error = built(RequestValidation::new(other));
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("income"), "{error}");
    let validation = || RequestValidation::new(suite());
    let error = built(validation().with_reaction(Severity::Info, OnInvalid::Arm(arm("nobody"))));
    assert!(error.to_string().contains("nobody: requests fall back to this arm"), "{error}");
    let wrong = Batch::single("z", Tensor::column(vec![0.0_f64]));
    assert!(
        built(validation().with_reaction(Severity::Info, OnInvalid::Answer(wrong))).to_string().contains('y')
    );
    let two = Batch::single("y", Tensor::column(vec![0.0_f64; 2]));
    let error = built(validation().with_reaction(Severity::Info, OnInvalid::Answer(two)));
    assert!(error.to_string().contains("one row"), "{error}");
}

#[test]
fn what_is_looked_up_is_validated_too() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(-3i64), Cell::from(4.5)], 0);
    write(&*store, &clock, 8, [Cell::from(3i64), Cell::from(4.5)], 0);
    let suite = Suite::new("drivers")
        .with(Check::ColumnValuesToBeBetween { column: "trips".into(), bounds: Bounds::at_least(0) })
        .with(Check::ColumnValuesToNotBeNull { column: "rating".into() });
    let (_place, builder) = endpoint(&crate::lookups::plan(), dense(3));
    let endpoint = builder
        .with_lookup(lookup(store))
        .with_clock(clock)
        .with_validation(RequestValidation::new(suite))
        .build()
        .unwrap();
    let (unit, values) = (unit(1), crate::lookups::amount(1.0));
    let ask = |id| {
        let key = driver(id);
        endpoint.predict(Request::row(&unit, Row::unchecked(&values)).with_entity(&key)).map(drop)
    };
    ask(8).unwrap();
    assert!(ask(7).unwrap_err().to_string().contains("(trips, at least 0)"));
    assert!(ask(9).unwrap_err().to_string().contains("column_values_to_not_be_null(rating)"));
}

#[test]
fn tensors_of_a_model_without_a_plan_are_validated_by_their_columns() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let suite = Suite::new("tensors")
        .with(Check::ColumnValuesToBeBetween { column: "x_1".into(), bounds: Bounds::at_most(2) });
    let endpoint = place.endpoint().with_validation(RequestValidation::new(suite)).build().unwrap();
    let ask = |values: Vec<f32>| {
        let x = Batch::single("x", Tensor::new([values.len() / 2, 2], values).unwrap());
        endpoint.predict(Request::tensors(&unit(1), &x)).map(drop)
    };
    ask(vec![9.0, 1.0]).unwrap();
    let error = ask(vec![0.0, 1.0, 0.0, 3.0]).unwrap_err().to_string();
    assert!(error.contains("(row 1, 1 in all)"), "{error}");
}
