//! What goes wrong in the nearest libraries of this kind, each as a test of its own: the unknown reaches the verdict.

#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, NullArray, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore_drift::monitor::{
    ColumnOptions, Fleet, Monitor, MonitorOptions, MonitorReference, Outcome, Verdict, WindowCounter,
};
use mlcore_drift::two_sample::{Note, Psi};

fn normal(rows: usize, seed: u64) -> ArrayRef {
    let mut random = SplitMix64::new(seed);
    Arc::new((0..rows).map(|_| Some(random.normal())).collect::<Float64Array>())
}

fn plans(rows: usize, of: &[&str]) -> ArrayRef {
    Arc::new((0..rows).map(|row| of.get(row % of.len()).copied()).collect::<StringArray>())
}

fn table(columns: [(&str, ArrayRef); 2]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn reference() -> RecordBatch {
    table([("amount", normal(2000, 1)), ("plan", plans(2000, &["free", "pro"]))])
}

fn verdict(rows: &RecordBatch) -> Verdict {
    let options = MonitorOptions::default().with_window_rows(rows.num_rows());
    Monitor::new(&reference(), &options).unwrap().observe(rows).unwrap().remove(0)
}

/// There, a value without a bin loses the whole batch, of all features.
#[test]
fn an_unseen_category_is_counted_and_named_and_loses_no_row() {
    let rows = table([("amount", normal(600, 2)), ("plan", plans(600, &["free", "pro", "team"]))]);
    let verdict = verdict(&rows);
    let plan = verdict.column("plan", "chi_square").unwrap();
    assert_eq!((plan.outcome, plan.score.as_ref().unwrap().current_len), (Outcome::Drifted, 600));
    let names_it =
        |note: &Note| matches!(note, Note::NewCategories { examples, .. } if examples == &["team"]);
    assert!(plan.score.as_ref().unwrap().notes.iter().any(names_it), "{plan:?}");
    assert_eq!(verdict.column("amount", "ks").unwrap().outcome, Outcome::Stable);
}

/// There, a feature without any value ends the worker, and is never looked at again.
#[test]
fn a_feature_that_goes_entirely_null_is_a_finding_and_the_next_window_is_judged() {
    let options = MonitorOptions::default().with_window_rows(500);
    let mut monitor = Monitor::new(&reference(), &options).unwrap();
    for nothing in [Arc::new(NullArray::new(500)) as ArrayRef, Arc::new(Float64Array::new_null(500))] {
        let rows = table([("amount", nothing), ("plan", plans(500, &["free", "pro"]))]);
        let verdict = monitor.observe(&rows).unwrap().remove(0);
        assert_eq!(verdict.column("amount", "missing_rate").unwrap().outcome, Outcome::Drifted);
        assert_eq!(verdict.column("amount", "ks").unwrap().outcome, Outcome::InsufficientData);
        assert_eq!(verdict.column("plan", "chi_square").unwrap().outcome, Outcome::Stable);
    }
    let back = table([("amount", normal(500, 3)), ("plan", plans(500, &["free", "pro"]))]);
    assert_eq!(monitor.observe(&back).unwrap()[0].overall, Outcome::Stable);
}

/// There, the reference counts as if it were infinitely long: unchanged data alarms in 47 of 100 windows at a nominal 5.
#[test]
fn the_stability_index_knows_that_its_reference_is_a_sample() {
    let options = MonitorOptions::default()
        .with_window_rows(1000)
        .with_column("amount", ColumnOptions::default().with_test(Psi::default()).with_minimum_effect(0.0));
    let mut alarms = 0;
    for seed in 0..300 {
        let reference = table([("amount", normal(1000, 7000 + seed)), ("plan", plans(1000, &["free"]))]);
        let rows = table([("amount", normal(1000, 9000 + seed)), ("plan", plans(1000, &["free"]))]);
        let verdict = Monitor::new(&reference, &options).unwrap().observe(&rows).unwrap().remove(0);
        alarms +=
            u32::from(verdict.column("amount", "psi").unwrap().score.as_ref().unwrap().pvalue <= Some(0.05));
    }
    // 15 are expected; 27 is beyond the 99.9th percentile of a binomial of 300 and 0.05.
    assert!((4..27).contains(&alarms), "{alarms} of 300");
}

/// There, a last chunk of a single row has a deviation of 0/0, all limits are NaN, and nothing ever alarms.
#[test]
fn a_last_row_alone_and_missing_values_in_the_reference_leave_a_monitor_that_alarms() {
    let amounts = normal(1001, 1);
    let mut values: Vec<Option<f64>> =
        amounts.as_any().downcast_ref::<Float64Array>().unwrap().iter().collect();
    values[17] = None;
    values[400] = Some(f64::NAN);
    let amounts: ArrayRef = Arc::new(Float64Array::from(values));
    let reference = table([("amount", amounts), ("plan", plans(1001, &["free", "pro"]))]);
    let mut monitor = Monitor::new(&reference, &MonitorOptions::default().with_window_rows(100)).unwrap();
    let mut random = SplitMix64::new(5);
    let shifted: Float64Array = (0..101).map(|_| Some(random.normal() + 1.5)).collect();
    let rows = table([("amount", Arc::new(shifted)), ("plan", plans(101, &["free", "pro"]))]);
    let verdicts = monitor.observe(&rows).unwrap();
    assert_eq!(verdicts[0].column("amount", "ks").unwrap().outcome, Outcome::Drifted);
    let tail = monitor.evaluate_now().unwrap();
    assert_eq!((tail.window.rows, tail.overall), (1, Outcome::InsufficientData));
    let of_tail = tail.column("amount", "ks").unwrap();
    assert!(of_tail.sentence.contains("fewer than 100 values"), "{}", of_tail.sentence);
}

/// There, a constant column or one row makes limits of zero width or of NaN.
#[test]
fn constant_columns_are_judged_on_either_side() {
    let constant = |value: f64| Arc::new(Float64Array::from(vec![value; 300])) as ArrayRef;
    let options = MonitorOptions::default().with_window_rows(300);
    let of = |reference: ArrayRef, rows: ArrayRef| {
        let reference = table([("amount", reference), ("plan", plans(300, &["free"]))]);
        let rows = table([("amount", rows), ("plan", plans(300, &["free"]))]);
        let verdict = Monitor::new(&reference, &options).unwrap().observe(&rows).unwrap().remove(0);
        verdict.columns.iter().find(|test| test.column == "amount").unwrap().outcome
    };
    assert_eq!(of(constant(3.0), constant(3.0)), Outcome::Stable);
    assert_eq!(of(constant(3.0), constant(4.0)), Outcome::Drifted);
    assert_eq!(of(constant(0.0), normal(300, 1)), Outcome::Drifted);
    assert_eq!(of(normal(300, 1), constant(0.0)), Outcome::Drifted);
}

/// There, what a full server refuses is reported as sent, and is gone.
#[test]
fn counts_that_could_not_be_sent_are_in_the_next() {
    let options = MonitorOptions::default().with_window_rows(1000);
    let reference = MonitorReference::new(&reference(), &options).unwrap();
    let mut counter = WindowCounter::new(&reference).unwrap();
    let mut fleet = Fleet::new(&reference).unwrap();
    let (mut refused, mut verdicts) = (0, 0);
    for round in 0..10 {
        counter
            .observe(&table([("amount", normal(200, round)), ("plan", plans(200, &["free", "pro"]))]))
            .unwrap();
        let counts = counter.take().unwrap();
        if round % 3 == 1 {
            refused += 1;
            counter.put_back(&counts).unwrap();
            continue;
        }
        verdicts += u64::from(fleet.add("a", &counts).unwrap().is_some());
    }
    // 1,200 rows filled a window and 800 are in the next: none is lost and none counts twice.
    assert_eq!((refused, verdicts, counter.rows(), fleet.rows_in_window()), (3, 1, 0, 800));
}

/// There, any small feature unlocks the check of all: ten rows in a bin are counted over features.
#[test]
fn each_column_needs_values_of_its_own() {
    let few: Float64Array = (0..500).map(|row| (row < 20).then_some(5.0)).collect();
    let rows = table([("amount", Arc::new(few)), ("plan", plans(500, &["free", "pro"]))]);
    let verdict = verdict(&rows);
    assert_eq!(verdict.column("amount", "ks").unwrap().outcome, Outcome::InsufficientData);
    assert_eq!(verdict.column("plan", "chi_square").unwrap().outcome, Outcome::Stable);
}

/// There, a check that fails moves its window on, and those rows are never judged.
#[test]
fn a_table_that_is_refused_leaves_its_window_where_it_was() {
    let mut monitor = Monitor::new(&reference(), &MonitorOptions::default().with_window_rows(400)).unwrap();
    monitor.observe(&table([("amount", normal(300, 2)), ("plan", plans(300, &["free", "pro"]))])).unwrap();
    let wrong = table([("amount", plans(500, &["a lot"])), ("plan", plans(500, &["free", "pro"]))]);
    assert!(monitor.observe(&wrong).is_err());
    assert_eq!(monitor.rows_in_window(), 300);
    let rest = table([("amount", normal(100, 3)), ("plan", plans(100, &["free", "pro"]))]);
    let verdict = monitor.observe(&rest).unwrap().remove(0);
    assert_eq!((verdict.window.index, verdict.window.rows, verdict.overall), (0, 400, Outcome::Stable));
}
