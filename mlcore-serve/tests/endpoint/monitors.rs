//! Monitors watch what the arms read, whatever that is after a release.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{Batch, Row, Tensor, Value};
use mlcore::rollout::{Fixed, Shadowed, Weighted};
use mlcore_drift::monitor::{Monitor, MonitorOptions};
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::{OneHotEncoder, StandardScaler};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, Request};

use crate::features::{as_table, by_row, dense, encoded, endpoint, register, table};
use crate::support::{Place, alias, arm, unit};

/// The table of the other tests with a column more, which is shifted.
fn wide(rows: usize, shift: f64) -> RecordBatch {
    let table = table(rows, 0.0);
    let income = Float64Array::from_iter_values((0..rows).map(|row| shift + ((row * 31) % 100) as f64));
    RecordBatch::try_from_iter([
        ("age", table.column(0).clone()),
        ("plan", table.column(1).clone()),
        ("income", Arc::new(income) as ArrayRef),
        ("target", Arc::new(StringArray::from_iter_values((0..rows).map(|_| "yes")))),
    ])
    .unwrap()
}

/// A plan of age and income.
fn of_income() -> Plan {
    let scaler = StandardScaler::default();
    ColumnTransformer::new().with("scale", scaler, ["income", "age"]).fit(&wide(300, 0.0)).unwrap()
}

/// The plan of the other tests with its columns in another order.
fn turned() -> Plan {
    ColumnTransformer::new()
        .with("encode", OneHotEncoder::default(), ["plan"])
        .with("scale", StandardScaler::default(), ["age"])
        .fit(&table(300, 0.0).project(&[1, 0]).unwrap())
        .unwrap()
}

fn options() -> MonitorOptions {
    MonitorOptions::default().with_window_rows(200)
}

/// The columns that drifted in each window that ended.
fn verdicts(endpoint: &Endpoint) -> Vec<Vec<String>> {
    let judged = endpoint.process().into_iter().filter_map(|event| match event.kind {
        EventKind::Judged { verdict } => {
            Some(verdict.drifted().map(|column| column.column.clone()).collect())
        }
        _ => None,
    });
    judged.collect()
}

/// What monitors cannot watch any more.
fn unmonitored(endpoint: &Endpoint) -> Vec<Vec<String>> {
    let lost = endpoint.process().into_iter().filter_map(|event| match event.kind {
        EventKind::Unmonitored { columns, .. } => Some(columns),
        _ => None,
    });
    lost.collect()
}

#[test]
fn the_monitor_sees_rows_and_tables_and_says_what_shifted() {
    let plan = encoded();
    let (_place, builder) = endpoint(&plan, dense(4));
    let monitor = Monitor::new(&table(2_000, 0.0), &MonitorOptions::default().with_window_rows(500)).unwrap();
    let endpoint = builder.with_monitor(monitor).build().unwrap();
    by_row(&endpoint, &table(250, 0.0), &plan).unwrap();
    as_table(&endpoint, &table(250, 0.0)).unwrap();
    assert_eq!(verdicts(&endpoint), [Vec::<String>::new()], "one quiet window");
    by_row(&endpoint, &table(250, 6.0), &plan).unwrap();
    assert!(verdicts(&endpoint).is_empty());
    assert!(endpoint.judge_now().unwrap()[0].is_drifted());
    as_table(&endpoint, &table(250, 6.0)).unwrap();
    assert_eq!(verdicts(&endpoint), [["age"]]);
}

#[test]
fn a_monitor_goes_on_where_a_release_reads_its_columns_in_another_order() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let monitor = Monitor::new(&table(2_000, 0.0), &options()).unwrap();
    let endpoint = builder.with_monitor(monitor).build().unwrap();
    by_row(&endpoint, &table(100, 6.0), &plan).unwrap();
    endpoint.process();
    let turned = turned();
    assert_ne!(turned.input().names_digest(), plan.input().names_digest());
    // One row is asked before the release and worked off after it: in the order of the time before.
    by_row(&endpoint, &table(1, 6.0), &plan).unwrap();
    place.point("champion", register(&place, &turned, dense(4)));
    endpoint.refresh().unwrap();
    by_row(&endpoint, &table(99, 6.0), &turned).unwrap();
    assert_eq!(verdicts(&endpoint), [["age"]], "the window went on through the release");
    assert_eq!(endpoint.counts().unmonitored, 0);
}

#[test]
fn a_reference_is_compared_in_the_columns_that_a_release_reads() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let endpoint = builder.with_reference(wide(2_000, 0.0), options()).build().unwrap();
    as_table(&endpoint, &table(200, 6.0)).unwrap();
    assert_eq!(verdicts(&endpoint), [["age"]]);
    let of_income = of_income();
    place.point("champion", register(&place, &of_income, dense(2)));
    endpoint.refresh().unwrap();
    by_row(&endpoint, &wide(200, 40.0), &of_income).unwrap();
    assert_eq!(verdicts(&endpoint), [["income"]]);
    assert_eq!(endpoint.counts().unmonitored, 0);
}

#[test]
fn columns_that_cannot_be_watched_are_named_once() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let monitor = Monitor::new(&table(2_000, 0.0), &options()).unwrap();
    let endpoint =
        builder.with_monitor(monitor).with_reference(table(2_000, 0.0), options()).build().unwrap();
    assert!(unmonitored(&endpoint).is_empty());
    let of_income = of_income();
    place.point("champion", register(&place, &of_income, dense(2)));
    endpoint.refresh().unwrap();
    assert_eq!(unmonitored(&endpoint), [["plan"], ["income"]]);
    endpoint.refresh().unwrap();
    assert!(unmonitored(&endpoint).is_empty(), "it is no news any more");
    // The reference's monitor watches what it can; the other one takes no such row.
    by_row(&endpoint, &wide(200, 0.0), &of_income).unwrap();
    assert_eq!(verdicts(&endpoint), [Vec::<String>::new()]);
    assert_eq!(endpoint.counts().unmonitored, 200);
    // Back to the first version: both watch everything again.
    place.point("champion", mlcore::name::Version::FIRST);
    endpoint.refresh().unwrap();
    by_row(&endpoint, &table(200, 6.0), &plan).unwrap();
    assert_eq!(verdicts(&endpoint), [["age"], ["age"]]);
    assert_eq!(endpoint.counts().unmonitored, 200);
}

#[test]
fn arms_of_different_columns_are_answered_and_monitored_by_one_row() {
    let (plan, of_income) = (encoded(), of_income());
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("challenger", register(&place, &of_income, dense(2)));
    let weights = [(arm("champion"), 1.0), (arm("challenger"), 1.0)];
    let endpoint = builder
        .with_arm(alias("challenger"))
        .with_policy(Weighted::new("s", weights).unwrap())
        .with_reference(wide(2_000, 0.0), options())
        .build()
        .unwrap();
    let columns = endpoint.columns();
    assert_eq!(columns.names().collect::<Vec<_>>(), ["age", "plan", "income"]);
    let needed: Vec<bool> = columns.fields().iter().map(|field| !field.is_nullable()).collect();
    assert_eq!(needed, [true, false, false]);
    let values = [Value::Float(47.0), Value::Text("pro"), Value::Float(150.0)];
    let row = Row::new(&values, &columns).unwrap();
    let mut answers = std::collections::BTreeMap::new();
    for number in 0..200 {
        let answer = endpoint.predict(Request::row(&unit(number), row)).unwrap();
        answers
            .insert(answer.arm.to_string(), answer.outputs.tensor("y").unwrap().values::<f64>().unwrap()[0]);
    }
    // Each arm as it answers where it stands alone, from a row of its own.
    for (name, plan, width, values) in [
        ("champion", &plan, 4, vec![Value::Float(47.0), Value::Text("pro")]),
        ("challenger", &of_income, 2, vec![Value::Float(47.0), Value::Float(150.0)]),
    ] {
        let (_place, builder) = crate::features::endpoint(plan, dense(width));
        let row = Row::new(&values, plan.input()).unwrap();
        let alone = builder.build().unwrap().predict(Request::row(&unit(0), row)).unwrap();
        assert_eq!(alone.outputs.tensor("y").unwrap().values::<f64>().unwrap()[0], answers[name], "{name}");
    }
    assert_eq!(verdicts(&endpoint), [["age", "plan", "income"]]);
    assert_eq!(endpoint.counts().unmonitored, 0);
}

#[test]
fn rows_of_the_time_before_a_release_are_answered_as_long_as_they_suffice() {
    let plan = encoded();
    let (place, builder) = endpoint(&plan, dense(4));
    let endpoint = builder.build().unwrap();
    let columns = endpoint.columns();
    let values = [Value::Float(47.0), Value::Text("pro")];
    let row = Row::new(&values, &columns).unwrap();
    let predict = || endpoint.predict(Request::row(&unit(1), row));
    predict().unwrap();
    place.point("champion", register(&place, &turned(), dense(4)));
    endpoint.refresh().unwrap();
    assert_eq!(predict().unwrap().version.get(), 2);
    place.point("champion", register(&place, &of_income(), dense(2)));
    endpoint.refresh().unwrap();
    let error = predict().unwrap_err();
    assert!(
        matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("other columns"),
        "{error}"
    );
}

#[test]
fn what_can_never_be_watched_is_refused_at_once() {
    let check = |error: Error, expected: &str| assert!(error.to_string().contains(expected), "{error}");
    let build = || endpoint(&of_income(), dense(2)).1;
    // A reference without the income that the plan reads, and a monitor of a column that nobody reads.
    check(build().with_reference(table(300, 0.0), options()).build().unwrap_err(), "income: the model reads");
    let monitor = Monitor::new(&table(300, 0.0), &options()).unwrap();
    check(build().with_monitor(monitor).build().unwrap_err(), "plan: rows do not have this column");
    // Two numbers by row are no age and no plan.
    let place = Place::new();
    place.point("champion", place.register("1"));
    check(
        place.endpoint().with_reference(table(300, 0.0), options()).build().unwrap_err(),
        "x_0: the model reads this column, and the reference does not have it",
    );
}

#[test]
fn a_shadow_of_another_plan_makes_its_own_features() {
    let (plan, of_income) = (encoded(), of_income());
    let (place, builder) = endpoint(&plan, dense(4));
    place.point("dark", register(&place, &of_income, dense(2)));
    let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap();
    let endpoint = builder.with_arm(alias("dark")).with_policy(policy).build().unwrap();
    let columns = endpoint.columns();
    let values = [Value::Float(47.0), Value::Text("pro"), Value::Float(150.0)];
    endpoint.predict(Request::row(&unit(1), Row::new(&values, &columns).unwrap())).unwrap();
    // Without its income the shadow fails, and nobody else does.
    let values = [Value::Float(47.0), Value::Text("pro")];
    endpoint.predict(Request::row(&unit(1), Row::unchecked(&values))).unwrap();
    assert_eq!(endpoint.run_shadows(), 2);
    let shadow = &endpoint.shadows()[0];
    assert_eq!((shadow.requests, shadow.failures, shadow.rows), (2, 1, 1));
}

/// Rows of two numbers, of which the second is shifted.
fn numbers(names: [&str; 2], rows: usize, shift: f64) -> RecordBatch {
    let column = |shift: f64, step: usize| {
        let values = (0..rows).map(|row| shift + ((row * step) % 97) as f64);
        Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
    };
    RecordBatch::try_from_iter([(names[0], column(0.0, 31)), (names[1], column(shift, 17))]).unwrap()
}

#[test]
fn tensors_are_watched_by_their_columns() {
    let (rows, shifted) = (200, numbers(["a", "b"], 200, 40.0));
    let mut values = Vec::new();
    for row in 0..rows {
        for column in shifted.columns() {
            values.push(column.as_primitive::<Float64Type>().value(row) as f32);
        }
    }
    let tensors = Batch::single("x", Tensor::new([rows, 2], values).unwrap());
    // Under the names of the reference, under those that the tensor gives them, and by a monitor that there is already.
    for (names, expected) in [(["age", "income"], "income"), (["x_0", "x_1"], "x_1")] {
        let reference = numbers(names, 500, 0.0);
        for is_monitor in [false, true] {
            let place = Place::new();
            place.point("champion", place.register("1"));
            let builder = place.endpoint();
            let builder = match is_monitor {
                true => builder.with_monitor(Monitor::new(&reference, &options()).unwrap()),
                false => builder.with_reference(reference.clone(), options()),
            };
            let endpoint = builder.build().unwrap();
            endpoint.predict(Request::tensors(&unit(1), &tensors)).unwrap();
            assert_eq!(verdicts(&endpoint), [[expected]], "{names:?}, a monitor: {is_monitor}");
            assert_eq!(endpoint.counts().unmonitored, 0);
        }
    }
}
