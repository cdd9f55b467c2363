//! What a monitor promises: windows, rows and tables alike, bounded memory, named errors.
#![cfg(test)]

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array, Int64Array, NullArray,
    RecordBatch, StringArray, StringViewArray,
};
use mlcore::arrow::datatypes::Int32Type;
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore_drift::monitor::{ColumnOptions, Monitor, MonitorOptions, Outcome, Verdict};
use mlcore_drift::sample::Kind;
use mlcore_drift::two_sample::{Note, Psi};

const PLANS: [&str; 3] = ["free", "pro", "team"];

/// Row `i` of a table that repeats itself every 1,000 rows.
fn age(i: usize) -> f64 {
    20.0 + (i * 617 % 1000) as f64 / 20.0
}

fn plan(i: usize) -> &'static str {
    PLANS[i * i % 7 % 3]
}

fn table(rows: std::ops::Range<usize>) -> RecordBatch {
    let ages = Float64Array::from_iter(rows.clone().map(|i| (i % 50 != 0).then(|| age(i))));
    let plans = StringArray::from_iter_values(rows.clone().map(plan));
    let visits = Int64Array::from_iter_values(rows.map(|i| (i % 5) as i64));
    batch([("age", Arc::new(ages)), ("plan", Arc::new(plans)), ("visits", Arc::new(visits))])
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn monitor(options: &MonitorOptions) -> Monitor {
    Monitor::new(&table(0..2000), options).unwrap()
}

fn shifted(rows: usize) -> RecordBatch {
    let ages = Float64Array::from_iter((0..rows).map(|i| (i % 50 != 0).then(|| age(i) + 15.0)));
    let plans = StringArray::from_iter_values((0..rows).map(|i| ["free", "trial"][i % 2]));
    let visits = Int64Array::from_iter((0..rows).map(|i| (i % 3 > 0).then_some((i % 5) as i64)));
    batch([("age", Arc::new(ages)), ("plan", Arc::new(plans)), ("visits", Arc::new(visits))])
}

#[test]
fn windows_do_not_depend_on_how_rows_arrive() {
    let options = MonitorOptions::default().with_window_rows(300);
    let at_once = monitor(&options).observe(&table(0..1000)).unwrap();
    assert_eq!(at_once.len(), 3);
    let windows: Vec<(u64, u64, u64)> =
        at_once.iter().map(|v| (v.window.index, v.window.first_row, v.window.rows)).collect();
    assert_eq!(windows, [(0, 0, 300), (1, 300, 300), (2, 600, 300)]);

    let mut in_pieces = monitor(&options);
    let mut verdicts = Vec::new();
    for start in (0..1000).step_by(70) {
        verdicts.extend(in_pieces.observe(&table(start..1000.min(start + 70))).unwrap());
    }
    assert_eq!(verdicts, at_once);
    assert_eq!(in_pieces.rows_in_window(), 100);

    let mut row_by_row = monitor(&options);
    let schema = Schema::new([
        Field::column("visits", DType::Int64),
        Field::column("id", DType::String),
        Field::column("age", DType::Float64).nullable(),
        Field::column("plan", DType::String),
    ])
    .unwrap();
    row_by_row.bind(&schema).unwrap();
    let mut verdicts = Vec::new();
    for i in 0..1000 {
        let age = if i % 50 == 0 { Value::Null } else { Value::Float(age(i)) };
        let values = [Value::Int((i % 5) as i64), Value::Text("x"), age, Value::Text(plan(i))];
        verdicts.extend(row_by_row.observe_row(Row::new(&values, &schema).unwrap()).unwrap());
    }
    assert_eq!(verdicts, at_once);
    assert_eq!(row_by_row.evaluate_now().unwrap(), in_pieces.evaluate_now().unwrap());
}

#[test]
fn what_changed_is_named_with_its_reasons() {
    let verdict =
        monitor(&MonitorOptions::default().with_window_rows(500)).observe(&shifted(500)).unwrap().remove(0);
    assert_eq!(verdict.overall, Outcome::Drifted);
    let names: Vec<(&str, &str)> = verdict.drifted().map(|c| (c.column.as_str(), c.test.as_str())).collect();
    assert_eq!(names, [("age", "ks"), ("plan", "chi_square"), ("visits", "missing_rate")]);
    let age = verdict.column("age", "ks").unwrap();
    assert!(age.pvalue_adjusted.unwrap() < 1e-10 && age.score.as_ref().unwrap().effect.value > 0.2);
    assert!(age.sentence.starts_with("age: the distribution changed: D = 0.3"), "{}", age.sentence);
    let notes = &verdict.column("plan", "chi_square").unwrap().score.as_ref().unwrap().notes;
    let is_new = |note: &Note| matches!(note, Note::NewCategories { count: 1, examples, .. } if *examples == ["trial"]);
    assert!(notes.iter().any(is_new), "{notes:?}");
    // Five distinct numbers: compared by value.
    assert_eq!(verdict.column("visits", "chi_square").unwrap().outcome, Outcome::Stable);

    let quiet = monitor(&MonitorOptions::default()).observe(&table(2000..3000)).unwrap().remove(0);
    assert_eq!(quiet.overall, Outcome::Stable);
    assert!(quiet.column("age", "ks").unwrap().sentence.contains("unchanged"));
}

#[test]
fn a_verdict_survives_json() {
    let verdict =
        monitor(&MonitorOptions::default().with_window_rows(500)).observe(&shifted(500)).unwrap().remove(0);
    let json = serde_json::to_string(&verdict).unwrap();
    assert!(json.starts_with("{\"version\":1,\"overall\":\"drifted\",\"window\":{\"index\":0,"), "{json}");
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
}

#[test]
fn too_few_rows_are_no_verdict() {
    let mut monitor = monitor(&MonitorOptions::default());
    monitor.observe(&shifted(60)).unwrap();
    let verdict = monitor.evaluate_now().unwrap();
    assert_eq!(verdict.overall, Outcome::InsufficientData);
    assert!(verdict.columns.iter().all(|column| column.score.is_none()));
    assert!(verdict.columns[0].sentence.contains("fewer than 100 values"), "{}", verdict.columns[0].sentence);
    // Looking changes nothing, and an empty table is no row.
    assert!(monitor.observe(&table(0..0)).unwrap().is_empty());
    assert_eq!(monitor.evaluate_now().unwrap(), verdict);
    monitor.reset_window();
    assert_eq!((monitor.rows_in_window(), monitor.evaluate_now().unwrap().window.first_row), (0, 60));
}

#[test]
fn a_column_that_lost_all_its_values_is_found() {
    let current = batch([
        ("age", Arc::new(NullArray::new(500))),
        ("plan", Arc::new(StringArray::from_iter_values((0..500).map(plan)))),
        ("visits", Arc::new(Int64Array::from_iter_values((0..500).map(|i| i % 5)))),
    ]);
    let verdict =
        monitor(&MonitorOptions::default().with_window_rows(500)).observe(&current).unwrap().remove(0);
    assert_eq!(verdict.column("age", "ks").unwrap().outcome, Outcome::InsufficientData);
    assert_eq!(verdict.column("age", "missing_rate").unwrap().outcome, Outcome::Drifted);
    assert_eq!(verdict.overall, Outcome::Drifted);
}

#[test]
fn layouts_of_the_same_data_give_the_same_verdict() {
    let rows = 0..600;
    let words: Vec<&str> = rows.clone().map(plan).collect();
    // Codes in another order, and a value that has two codes.
    let keys = Int32Array::from_iter(rows.clone().map(|i| match plan(i) {
        "free" => Some(if i % 2 == 0 { 3 } else { 1 }),
        "pro" => Some(0),
        _ => Some(2),
    }));
    let dictionary = DictionaryArray::<Int32Type>::try_new(
        keys,
        Arc::new(StringArray::from(vec![Some("pro"), Some("free"), Some("team"), Some("free"), None])),
    )
    .unwrap();
    let nan_for_null =
        Float64Array::from_iter_values(rows.clone().map(|i| if i % 50 == 0 { f64::NAN } else { age(i) }));
    let visits: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone().map(|i| (i % 5) as i64)));
    let options = MonitorOptions::default().with_window_rows(600);
    let expected = monitor(&options).observe(&table(rows)).unwrap();
    let layouts: [ArrayRef; 3] = [
        Arc::new(StringViewArray::from(words.clone())),
        Arc::new(dictionary),
        Arc::new(StringArray::from(words)),
    ];
    for words in layouts {
        let columns = [("plan", words), ("visits", visits.clone()), ("age", Arc::new(nan_for_null.clone()))];
        assert_eq!(monitor(&options).observe(&batch(columns)).unwrap(), expected);
    }
}

#[test]
fn schema_changes_are_errors_or_findings_and_lose_no_rows() {
    let mut monitor = monitor(&MonitorOptions::default().with_window_rows(100));
    monitor.observe(&table(0..50)).unwrap();
    let ages: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let plans: ArrayRef = Arc::new(StringArray::from(vec!["pro"]));
    let visits: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let missing = monitor.observe(&batch([("size", ages.clone()), ("colour", plans.clone())])).unwrap_err();
    assert!(
        matches!(missing, Error::SchemaMismatch(_))
            && missing.to_string().contains("nor any other that is watched"),
        "{missing}"
    );
    let text = batch([("age", plans.clone()), ("plan", plans.clone()), ("visits", visits.clone())]);
    let wrong = monitor.observe(&text).unwrap_err();
    assert!(wrong.to_string().contains("observe age: it is numeric in the reference"), "{wrong}");
    for values in [vec![Value::Text("old"), Value::Text("pro"), Value::Int(1)], vec![Value::Float(1.0)]] {
        let fields = ["age", "plan", "visits"].iter().zip(&values).map(|(name, value)| {
            let dtype = match value {
                Value::Text(_) => DType::String,
                Value::Int(_) => DType::Int64,
                _ => DType::Float64,
            };
            Field::column(*name, dtype)
        });
        let schema = Schema::new(fields).unwrap();
        let error = monitor.observe_row(Row::new(&values, &schema).unwrap()).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    }
    assert!(monitor.bind(&Schema::new([Field::column("age", DType::Float64)]).unwrap()).is_err());
    assert_eq!(monitor.rows_in_window(), 50);

    let more = batch([("age", ages), ("plan", plans), ("visits", visits.clone()), ("brand_new", visits)]);
    monitor.observe(&more).unwrap();
    let verdict = monitor.observe(&table(0..49)).unwrap().remove(0);
    assert_eq!(verdict.new_columns, ["brand_new"]);
    assert!(monitor.observe(&table(0..100)).unwrap()[0].new_columns.is_empty());
}

#[test]
fn a_column_that_vanished_is_a_finding() {
    let mut monitor = monitor(&MonitorOptions::default().with_window_rows(200));
    let part = table(0..200).project(&[0, 1]).unwrap();
    let [gone] = ["age", "plan", "visits"]
        .iter()
        .filter(|name| part.column_by_name(name).is_none())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one column is left out");
    };
    assert!(monitor.observe(&part.slice(0, 50)).unwrap().is_empty());
    let saved = monitor.save();
    let verdict = monitor.observe(&part.slice(50, 150)).unwrap().remove(0);
    assert_eq!(verdict.vanished_columns, [*gone]);
    assert_eq!(verdict.column(gone, "missing_rate").unwrap().outcome, Outcome::Drifted);
    assert!(verdict.to_string().contains(&format!("Columns that were not there: {gone}.")), "{verdict}");
    assert!(
        verdict
            .columns
            .iter()
            .filter(|test| test.column != *gone)
            .all(|test| test.outcome != Outcome::Drifted)
    );
    assert!(monitor.observe(&table(0..200)).unwrap()[0].vanished_columns.is_empty());
    monitor.restore(&saved).unwrap();
    assert_eq!(monitor.evaluate_now().unwrap().vanished_columns, [*gone]);
}

#[test]
fn impossible_monitors_are_refused_by_name() {
    let reference = table(0..500);
    for (options, expected) in [
        (MonitorOptions::default().with_alpha(0.0), "make monitor alpha"),
        (MonitorOptions::default().with_alpha(f64::NAN), "make monitor alpha"),
        (MonitorOptions::default().with_window_rows(0), "make monitor window_rows"),
        (MonitorOptions::default().with_window_rows(usize::MAX), "make monitor window_rows"),
        (MonitorOptions::default().with_minimum_effect("ks", -1.0), "make monitor minimum effect"),
        (
            MonitorOptions::default().with_minimum_effect("kolmogorov", 0.1),
            "minimum effect of kolmogorov: no column is tested by it; the tests are chi_square, ks, missing_rate",
        ),
        (
            MonitorOptions::default().with_columns(["agee"]),
            "make monitor agee: the reference has no such column",
        ),
        (MonitorOptions::default().with_columns(Vec::<String>::new()), "no column can be watched"),
        (
            MonitorOptions::default()
                .with_categorical_test(mlcore_drift::two_sample::KolmogorovSmirnov::default()),
            "does not apply",
        ),
        (
            MonitorOptions::default().with_column("plan", ColumnOptions::default().with_kind(Kind::Numeric)),
            "make monitor plan",
        ),
    ] {
        let error = Monitor::new(&reference, &options).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(expected), "{error}");
    }
    assert!(Monitor::new(&reference.slice(0, 0), &MonitorOptions::default()).is_err());
    let twice = RecordBatch::try_new(
        Arc::new(mlcore::arrow::datatypes::Schema::new(vec![
            reference.schema().field(0).clone(),
            reference.schema().field(0).clone(),
        ])),
        vec![reference.column(0).clone(), reference.column(0).clone()],
    );
    assert!(
        Monitor::new(&twice.unwrap(), &MonitorOptions::default()).unwrap_err().to_string().contains("twice")
    );
}

#[test]
fn dates_are_left_out_and_said_so() {
    let when: ArrayRef = Arc::new(Date32Array::from_iter_values(0..500));
    let flag: ArrayRef = Arc::new(BooleanArray::from_iter((0..500).map(|i| Some(i % 3 == 0))));
    let reference = batch([("when", when.clone()), ("flag", flag)]);
    let verdict = Monitor::new(&reference, &MonitorOptions::default()).unwrap().evaluate_now().unwrap();
    assert_eq!((verdict.skipped.len(), verdict.skipped[0].column.as_str()), (1, "when"));
    assert!(verdict.new_columns.is_empty());
    let asked = Monitor::new(&reference, &MonitorOptions::default().with_columns(["when"])).unwrap_err();
    assert!(asked.to_string().contains("derive an hour, a weekday or an age first"), "{asked}");
}

#[test]
fn dates_in_rows_are_passed_over_where_nobody_watches_and_refused_elsewhere() {
    let dated = |rows: std::ops::Range<usize>| {
        let (known, when) =
            (table(rows.clone()), Arc::new(Date32Array::from_iter_values(rows.map(|i| i as i32))));
        let columns = known.columns().iter().cloned().chain([when as ArrayRef]);
        let names = ["age", "plan", "visits", "when"];
        RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
    };
    let mut monitor = Monitor::new(&dated(0..1000), &MonitorOptions::default()).unwrap();
    let when = Value::Date("2024-02-29".parse().unwrap());
    let row = |values: [Value<'static>; 4], monitor: &mut Monitor| {
        monitor.observe_row(Row::unchecked(&values)).err()
    };
    assert!(row([Value::Float(1.0), Value::Text("pro"), Value::Int(1), when], &mut monitor).is_none());
    assert_eq!(monitor.rows_in_window(), 1);
    for (values, expected) in [
        ([when, Value::Text("pro"), Value::Int(1), when], "observe age: it is numeric"),
        ([Value::Float(1.0), when, Value::Int(1), when], "observe plan: it is categorical"),
    ] {
        let error = row(values, &mut monitor).unwrap().to_string();
        assert!(error.starts_with(expected) && error.ends_with("and date 2024-02-29 came"), "{error}");
    }
    assert_eq!(monitor.rows_in_window(), 1);
    let noon = mlcore::arrow::array::Time32SecondArray::from(vec![43_200]);
    let error = mlcore_drift::sample::Sample::from_array(&noon).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains("midnight"), "{error}");
}

#[test]
fn a_flood_of_categories_is_counted_in_bounded_memory() {
    let options = MonitorOptions::default().with_window_rows(5000).with_max_categories(100);
    let mut monitor = monitor(&options);
    let schema = Schema::new([
        Field::column("age", DType::Float64),
        Field::column("plan", DType::String),
        Field::column("visits", DType::Int64),
    ])
    .unwrap();
    let mut last = None;
    for i in 0..5000 {
        let name = if i % 2 == 0 { "free".to_owned() } else { format!("attack {i} {}", "x".repeat(1000)) };
        let values = [Value::Float(age(i)), Value::Text(&name), Value::Int((i % 5) as i64)];
        last = monitor.observe_row(Row::new(&values, &schema).unwrap()).unwrap();
    }
    let verdict = last.unwrap();
    let plan = verdict.column("plan", "chi_square").unwrap();
    assert_eq!(plan.outcome, Outcome::Drifted);
    assert!(serde_json::to_string(&verdict).unwrap().len() < 10_000);
}

#[test]
fn a_column_may_have_its_own_test_and_threshold() {
    let strict = ColumnOptions::default().with_test(Psi::default()).with_minimum_effect(50.0);
    let options = MonitorOptions::default().with_window_rows(500).with_column("age", strict);
    let verdict = monitor(&options).observe(&shifted(500)).unwrap().remove(0);
    let age = verdict.column("age", "psi").unwrap();
    assert_eq!((age.outcome, age.threshold), (Outcome::Stable, 50.0));
    assert!(age.sentence.contains("too little to matter"), "{}", age.sentence);
    let codes = ColumnOptions::default().with_kind(Kind::Categorical);
    let options = MonitorOptions::default().with_window_rows(500).with_column("visits", codes);
    let verdict = monitor(&options).observe(&table(0..500)).unwrap().remove(0);
    assert_eq!(verdict.column("visits", "chi_square").unwrap().kind, Kind::Categorical);
}
