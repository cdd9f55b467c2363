//! Categories of any number and any frequency: what is new and what vanished is seen, and chance alone is not.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{Row, Value};
use mlcore::stats::SplitMix64;
use mlcore_drift::monitor::{ColumnOptions, ColumnVerdict, Monitor, MonitorOptions, Outcome};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_drift::sample::{Categories, Kind, Sample};
use mlcore_drift::two_sample::{ChiSquare, DriftTest, Hellinger, Psi, Score};

fn tests() -> [Arc<dyn DriftTest>; 4] {
    [
        Arc::new(ChiSquare::default()),
        Arc::new(ChiSquare::default().with_pool_below(0.0)),
        Arc::new(Psi::default()),
        Arc::new(Hellinger::default()),
    ]
}

/// `kinds` categories of `rows` rows each, named from `first` on.
fn sample(first: u64, kinds: u64, rows: u64) -> Sample {
    let counts = (first..first + kinds).map(|kind| (format!("kind {kind}"), rows));
    Sample::from_categories(Categories::new(counts), 0)
}

fn is_blind(score: &Score) -> bool {
    score.replaced_pvalue.is_some_and(|pvalue| pvalue > 0.001)
}

fn is_seen(test: &dyn DriftTest, score: &Score) -> bool {
    score.pvalue.unwrap() < 1e-5 && score.effect.value >= 4.0 * test.default_minimum_effect()
}

#[test]
fn what_was_replaced_whole_is_seen_or_is_not_judged() {
    let kinds = [1, 2, 3, 10, 100, 249, 250, 499, 500, 501, 999, 1000, 1001, 1200, 2500];
    for test in tests() {
        for kinds in kinds {
            for rows in [1, 2, 3, 4, 5, 9, 10, 11, 40, 50] {
                for current_rows in [rows, 2] {
                    let (reference, current) = (sample(0, kinds, rows), sample(10_000, kinds, current_rows));
                    if reference.len().min(current.len()) < 100 {
                        continue;
                    }
                    let what = format!("{}, {kinds} kinds of {rows} and {current_rows} rows", test.name());
                    for (x, y) in [(&reference, &current), (&current, &reference)] {
                        let score = test.compare(x, y).unwrap();
                        assert!(is_seen(&*test, &score) || is_blind(&score), "{what}: {score:?}");
                        let is_an_id = rows == 1 && current_rows == 1;
                        assert!(!is_blind(&score) || is_an_id, "{what} is not judged: {score:?}");
                    }
                    let same = test.compare(&reference, &reference).unwrap();
                    assert_eq!(same.effect.value, 0.0, "{what}");
                    assert!(same.pvalue.unwrap() > 0.2, "{what}: {same:?}");
                }
            }
        }
    }
}

#[test]
fn the_share_that_was_replaced_is_seen_in_proportion() {
    for test in tests() {
        for (kinds, rows) in [(200, 4), (1500, 2), (1100, 30), (300, 12)] {
            let reference = sample(0, kinds, rows);
            let effects: Vec<f64> = [0, 10, 25, 50, 75, 100]
                .map(|percent| {
                    let score =
                        test.compare(&reference, &sample(kinds * percent / 100, kinds, rows)).unwrap();
                    // Pairs of which others are split more evenly than by chance: indices see the sum of both.
                    let least = if rows == 2 && test.name() != "chi_square" { 50 } else { 25 };
                    let is_found =
                        score.pvalue.unwrap() < 1e-6 && score.effect.value >= test.default_minimum_effect();
                    assert!(percent < least || is_found, "{} {percent} %: {score:?}", test.name());
                    score.effect.value
                })
                .to_vec();
            assert!(effects.windows(2).all(|pair| pair[0] <= pair[1]), "{} {effects:?}", test.name());
        }
    }
    let disjoint = ChiSquare::default().compare(&sample(0, 250, 9), &sample(900, 250, 9)).unwrap();
    assert!((disjoint.effect.value - 1.0).abs() < 1e-9, "{disjoint:?}");
}

#[test]
fn a_few_frequent_categories_are_seen_beside_a_long_tail() {
    // Nine in ten rows are one of two plans, the others ids that never repeat.
    let column = |free: u64, ids: u64| {
        let plans = [("free".to_owned(), free), ("pro".to_owned(), 900 - free)];
        let ids = (ids..ids + 100).map(|id| (format!("id {id}"), 1));
        Sample::from_categories(Categories::new(plans.into_iter().chain(ids)), 0)
    };
    // scipy's p-value, which pools nothing, holds for no such tail.
    for test in tests().into_iter().filter(|test| test.options().unwrap() != tests()[1].options().unwrap()) {
        let (reference, same, moved) = (column(450, 0), column(450, 500), column(600, 500));
        let (quiet, seen) =
            (test.compare(&reference, &same).unwrap(), test.compare(&reference, &moved).unwrap());
        assert!(quiet.pvalue.unwrap() > 0.2 && !is_blind(&quiet), "{}: {quiet:?}", test.name());
        assert!(seen.pvalue.unwrap() < 1e-3 && seen.effect.value > 0.05, "{}: {seen:?}", test.name());
    }
}

fn texts(first: usize, kinds: usize, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..kinds * rows).map(|row| format!("k{}", first + row % kinds))))
}

fn table(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("z", column)]).unwrap()
}

fn reported(reference: ArrayRef, current: ArrayRef, options: MonitorOptions) -> ColumnVerdict {
    let options = ReportOptions::default().with_monitor(options);
    report(&table(reference), &table(current), &options).unwrap().verdict.columns[0].clone()
}

#[test]
fn reports_and_monitors_say_so_by_table_and_by_row() {
    for test in ["chi_square", "psi", "hellinger"] {
        let options = || MonitorOptions::default().with_categorical_test(test);
        let judged = |reference, current| reported(reference, current, options()).outcome;
        assert_eq!(judged(texts(0, 501, 50), texts(900, 501, 50)), Outcome::Drifted, "{test}");
        assert_eq!(judged(texts(0, 250, 9), texts(0, 250, 9)), Outcome::Stable, "{test}");
        // A window far smaller than the reference.
        let options = options().with_window_rows(500);
        let mut by_table = Monitor::new(&table(texts(0, 250, 40)), &options).unwrap();
        let mut by_row = Monitor::new(&table(texts(0, 250, 40)), &options).unwrap();
        for (first, outcome) in [(0, Outcome::Stable), (900, Outcome::Drifted)] {
            let window = texts(first, 250, 2);
            let whole = by_table.observe(&table(window.clone())).unwrap().remove(0);
            assert_eq!(whole.columns[0].outcome, outcome, "{test}: {}", whole.columns[0].sentence);
            let names: Vec<String> = (0..500).map(|row| format!("k{}", first + row % 250)).collect();
            let rows = names
                .iter()
                .filter_map(|name| by_row.observe_row(Row::unchecked(&[Value::Text(name)])).unwrap());
            assert_eq!(rows.collect::<Vec<_>>(), [whole]);
        }
    }
    let codes = |first: i64| {
        Arc::new(Int64Array::from_iter_values((0..1000).map(|row| first + row % 250))) as ArrayRef
    };
    let options =
        MonitorOptions::default().with_column("z", ColumnOptions::default().with_kind(Kind::Categorical));
    assert_eq!(reported(codes(10_000), codes(20_000), options).outcome, Outcome::Drifted);
}

#[test]
fn values_that_never_repeat_are_not_judged_and_dilute_no_other_column() {
    let ids = |first: usize| texts(first, 1000, 1);
    for test in ["chi_square", "psi", "hellinger"] {
        let verdict = reported(ids(0), ids(5000), MonitorOptions::default().with_categorical_test(test));
        assert_eq!(verdict.outcome, Outcome::InsufficientData, "{test}: {}", verdict.sentence);
        let expected = format!("z: not judged by {test}, its values are seldom equal: ");
        assert!(verdict.sentence.starts_with(&expected), "{}", verdict.sentence);
        assert!(verdict.score.is_some() && verdict.pvalue_adjusted.is_none());
    }
    // A column that became one value is no column of ids any more.
    let constant = Arc::new(StringArray::from(vec!["k"; 1000])) as ArrayRef;
    assert_eq!(reported(ids(0), constant, MonitorOptions::default()).outcome, Outcome::Drifted);
    // A value that never changes is not rare.
    let constant = || Arc::new(StringArray::from(vec!["k"; 1000])) as ArrayRef;
    assert_eq!(reported(constant(), constant(), MonitorOptions::default()).outcome, Outcome::Stable);
    let changed = Arc::new(StringArray::from(vec!["l"; 1000])) as ArrayRef;
    assert_eq!(reported(constant(), changed, MonitorOptions::default()).outcome, Outcome::Drifted);
}

#[test]
fn a_full_counter_makes_no_drift() {
    // A window keeps 300 of its categories apart; the others are one.
    let mut random = SplitMix64::new(5);
    let mut draw = |rows: usize, kinds: f64| {
        let names = (0..rows).map(|_| format!("k{}", (random.uniform().powi(2) * kinds) as u64));
        table(Arc::new(StringArray::from_iter_values(names.collect::<Vec<_>>())))
    };
    for test in ["chi_square", "psi", "hellinger"] {
        let options = MonitorOptions::default()
            .with_categorical_test(test)
            .with_minimum_effect(test, 0.0)
            .with_max_categories(300);
        let mut monitor = Monitor::new(&draw(5000, 2000.0), &options).unwrap();
        let alarms =
            (0..100).filter(|_| monitor.observe(&draw(1000, 2000.0)).unwrap()[0].is_drifted()).count();
        assert!(alarms <= 11, "{test}: {alarms} of 100 windows");
    }
}
