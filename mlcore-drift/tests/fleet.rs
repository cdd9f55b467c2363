//! Replicas that count their own rows and are judged together.

#![cfg(test)]

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array,
};
use mlcore::stats::SplitMix64;
use mlcore_drift::monitor::{
    ColumnOptions, Fleet, FleetState, Monitor, MonitorOptions, MonitorReference, Outcome, Verdict,
    WindowCounter, WindowCounts,
};
use mlcore_drift::two_sample::{Hellinger, KolmogorovSmirnov, Psi};
use proptest::prelude::*;

/// Mixed columns: normal numbers, mostly zeros, few numbers, categories, truth values; all with missing rows.
fn table(rows: usize, seed: u64, shift: f64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let mut draw = |share: f64| random.uniform() < share;
    let missing: Vec<bool> = (0..rows).map(|_| draw(0.05)).collect();
    let mut random = SplitMix64::new(seed + 1);
    let numbers: Vec<f64> = (0..rows).map(|_| random.normal() + shift).collect();
    let at = |row: usize| (!missing[row]).then(|| numbers[row]);
    let amount: Float64Array = (0..rows).map(at).collect();
    let age: Float64Array = (0..rows).map(|row| at(row).map(|x| x * 3.0)).collect();
    let spend: Float64Array = (0..rows).map(|row| at(row).map(|x| (x - 0.5).max(0.0))).collect();
    let grade: UInt8Array = (0..rows).map(|row| at(row).map(|x| (x.abs() * 2.0) as u8)).collect();
    let text = |x: f64| ["free", "pro", "team", "gold"][((x.abs() * 2.0) as usize).min(3)];
    let plan: StringArray = (0..rows).map(|row| at(row).map(text)).collect();
    let member: BooleanArray = (0..rows).map(|row| at(row).map(|x| x > 0.3)).collect();
    let columns: [(&str, ArrayRef); 6] = [
        ("amount", Arc::new(amount)),
        ("age", Arc::new(age)),
        ("spend", Arc::new(spend)),
        ("grade", Arc::new(grade)),
        ("plan", Arc::new(plan)),
        ("member", Arc::new(member)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Tests whose scores are exact of counts, for every column but `age`, which is left to Kolmogorov-Smirnov.
fn options(window: usize) -> MonitorOptions {
    MonitorOptions::default()
        .with_window_rows(window)
        .with_column("amount", ColumnOptions::default().with_test(Psi::default()))
        .with_column("spend", ColumnOptions::default().with_test(Hellinger::default()))
        .with_column("age", ColumnOptions::default().with_test(KolmogorovSmirnov::default()))
}

/// The verdict of one process that saw all rows, without what only the order of rows tells.
fn alone(reference: &MonitorReference, rows: &RecordBatch) -> Verdict {
    let mut monitor = reference.monitor().unwrap();
    let mut verdicts = monitor.observe(rows).unwrap();
    assert_eq!(verdicts.len(), 1);
    let mut verdict = verdicts.remove(0);
    verdict.notes.clear();
    verdict
}

fn counted(reference: &MonitorReference, rows: &RecordBatch) -> WindowCounts {
    let mut counter = WindowCounter::new(reference).unwrap();
    counter.observe(rows).unwrap();
    counter.take().unwrap()
}

/// A tenth of the rows for each of ten replicas.
fn tenths(rows: &RecordBatch) -> Vec<RecordBatch> {
    let size = rows.num_rows() / 10;
    (0..10).map(|part| rows.slice(part * size, size)).collect()
}

#[test]
fn ten_replicas_judge_as_one_process_that_saw_all_rows() {
    for (seed, shift) in [(1, 0.0), (2, 0.05), (3, 0.3), (4, 2.0)] {
        let reference = MonitorReference::new(&table(20_000, 100 + seed, 0.0), &options(10_000)).unwrap();
        let rows = table(10_000, seed, shift);
        let alone = alone(&reference, &rows);
        let mut fleet = Fleet::new(&reference).unwrap();
        let mut verdict = None;
        for (replica, part) in tenths(&rows).iter().enumerate() {
            assert!(verdict.is_none(), "the window was full before its last rows");
            verdict = fleet.add(&format!("replica {replica}"), &counted(&reference, part)).unwrap();
        }
        let together = verdict.unwrap();
        assert_eq!(together.replicas.len(), 10);
        assert!(together.replicas.values().all(|rows| *rows == 1000));
        let together = together.verdict;
        assert_eq!(together.overall, alone.overall);
        assert_eq!(together.columns.len(), alone.columns.len());
        for (fleet, one) in together.columns.iter().zip(&alone.columns) {
            assert_eq!((&fleet.column, &fleet.test, fleet.outcome), (&one.column, &one.test, one.outcome));
            if fleet.test != "ks" {
                assert_eq!(fleet.score, one.score, "to the bit, notes included");
                continue;
            }
            let (least, truth) = (fleet.score.as_ref().unwrap(), one.score.as_ref().unwrap());
            assert!(least.statistic <= truth.statistic + 1e-12 && truth.statistic <= least.statistic + 0.01);
            assert!(least.pvalue >= truth.pvalue, "a fleet is never surer than the rows");
        }
    }
}

#[test]
fn a_column_of_mostly_zeros_loses_nothing_by_being_counted() {
    let options = MonitorOptions::default().with_window_rows(4000).with_columns(["spend"]);
    let reference = MonitorReference::new(&table(4000, 7, 0.0), &options).unwrap();
    let rows = table(4000, 8, 0.4);
    let (one, mut fleet) = (alone(&reference, &rows), Fleet::new(&reference).unwrap());
    let together = fleet.add("a", &counted(&reference, &rows)).unwrap().unwrap().verdict;
    let of = |verdict: &Verdict| verdict.column("spend", "ks").unwrap().score.clone().unwrap();
    assert!(of(&one).statistic - of(&together).statistic <= 0.004, "{:?} {:?}", of(&one), of(&together));
    assert_eq!(together.overall, Outcome::Drifted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_order_and_grouping_of_merges_has_the_same_bytes(
        parts in prop::collection::vec((0_usize..60, any::<u16>(), 0.0_f64..3.0), 2..8),
        order in any::<prop::sample::Index>(),
        limit in 1_usize..12,
    ) {
        let options = options(1_000_000).with_max_categories(limit);
        let reference = MonitorReference::new(&table(300, 5, 0.0), &options).unwrap();
        let counts: Vec<WindowCounts> = parts
            .iter()
            .map(|(rows, seed, shift)| counted(&reference, &table(*rows, u64::from(*seed), *shift)))
            .collect();
        let merged = |parts: &[WindowCounts]| {
            let mut counter = WindowCounter::new(&reference).unwrap();
            parts.iter().for_each(|counts| counter.put_back(counts).unwrap());
            counter.take().unwrap()
        };
        let in_order = merged(&counts);
        let cut = order.index(counts.len() - 1) + 1;
        let (left, right) = counts.split_at(cut);
        let mut turned = counts.clone();
        turned.rotate_left(cut);
        for other in [merged(&[merged(left), merged(right)]), merged(&[merged(right), merged(left)]), merged(&turned)] {
            prop_assert_eq!(other.to_bytes(), in_order.to_bytes());
        }
        prop_assert_eq!(in_order.rows(), counts.iter().map(WindowCounts::rows).sum::<u64>());
    }

    #[test]
    fn more_new_values_than_are_kept_are_counted_alike_in_any_grouping(
        texts in prop::collection::vec("[a-h]{1,2}", 1..200),
        cut in any::<prop::sample::Index>(),
        limit in 1_usize..6,
    ) {
        let column = |texts: &[String]| {
            let plan: StringArray = texts.iter().map(Some).collect();
            RecordBatch::try_from_iter([("plan", Arc::new(plan) as ArrayRef)]).unwrap()
        };
        let options = MonitorOptions::default().with_max_categories(limit);
        let known = ["a", "b"].map(str::to_owned);
        let reference = MonitorReference::new(&column(&known), &options).unwrap();
        let (left, right) = texts.split_at(cut.index(texts.len()));
        let mut counter = WindowCounter::new(&reference).unwrap();
        for part in [right, left].into_iter().filter(|part| !part.is_empty()) {
            counter.put_back(&counted(&reference, &column(part))).unwrap();
        }
        prop_assert_eq!(counter.take().unwrap(), counted(&reference, &column(&texts)));
    }

    #[test]
    fn changed_bytes_are_no_counts(place in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
        let reference = MonitorReference::new(&table(200, 1, 0.0), &options(1000)).unwrap();
        let bytes = counted(&reference, &table(100, 2, 0.0)).to_bytes();
        let mut flipped = bytes.clone();
        flipped[place.index(bytes.len())] ^= 1 << bit;
        for damaged in [&flipped[..], &bytes[..cut.index(bytes.len())]] {
            let error = WindowCounts::from_bytes(damaged).unwrap_err();
            prop_assert!(matches!(error, Error::Corrupt(_) | Error::Unsupported(_)), "{}", error);
        }
        prop_assert!(WindowCounts::from_bytes(&bytes).is_ok());
    }
}

#[test]
fn the_counts_of_a_monitor_are_those_of_a_counter() {
    let reference = table(3000, 1, 0.0);
    let of_rows = MonitorReference::new(&reference, &options(5000)).unwrap();
    let mut monitor = Monitor::new(&reference, &options(5000)).unwrap();
    let rows = table(2000, 2, 0.2);
    monitor.observe(&rows).unwrap();
    assert_eq!(monitor.counts().unwrap(), counted(&of_rows, &rows));
    assert_eq!(monitor.rows_in_window(), 2000, "the window goes on");
}

#[test]
fn counts_that_did_not_arrive_are_put_back_and_count_once() {
    let reference = MonitorReference::new(&table(500, 1, 0.0), &options(1000)).unwrap();
    let mut counter = WindowCounter::new(&reference).unwrap();
    counter.observe(&table(300, 2, 0.0)).unwrap();
    let lost = counter.take().unwrap();
    assert_eq!((counter.rows(), lost.rows()), (0, 300));
    counter.observe(&table(100, 3, 0.0)).unwrap();
    counter.put_back(&lost).unwrap();
    assert_eq!(counter.rows(), 400);
    assert_eq!(counter.take().unwrap().rows(), 400);
    assert_eq!(counter.take().unwrap().rows(), 0);
}

#[test]
fn a_fleet_goes_on_where_it_was_saved() {
    let reference = MonitorReference::new(&table(5000, 1, 0.0), &options(1000)).unwrap();
    let mut fleet = Fleet::new(&reference).unwrap();
    assert!(fleet.add("a", &counted(&reference, &table(1200, 2, 0.0))).unwrap().is_some());
    assert!(fleet.add("a", &counted(&reference, &table(600, 3, 0.5))).unwrap().is_none());
    let stored = serde_json::to_string(&fleet.save()).unwrap();
    let mut again = Fleet::new(&reference).unwrap();
    again.restore(serde_json::from_str::<FleetState>(&stored).unwrap()).unwrap();
    assert_eq!(again.rows_in_window(), 600);
    let rest = counted(&reference, &table(600, 4, 0.5));
    let verdict = again.add("b", &rest).unwrap().unwrap();
    assert_eq!(verdict, fleet.add("b", &rest).unwrap().unwrap());
    assert_eq!((verdict.verdict.window.index, verdict.verdict.window.first_row), (1, 1200));
    assert!(verdict.to_string().starts_with("2 replicas, window 1 (1200 rows against 5000)"), "{verdict}");
}

#[test]
fn what_does_not_belong_together_is_refused_and_changes_nothing() {
    let reference = MonitorReference::new(&table(500, 1, 0.0), &options(1000)).unwrap();
    let other = MonitorReference::new(&table(500, 2, 0.0), &options(1000)).unwrap();
    let (own, foreign) = (counted(&reference, &table(100, 3, 0.0)), counted(&other, &table(100, 3, 0.0)));
    let mut fleet = Fleet::new(&reference).unwrap();
    fleet.add("a", &own).unwrap();
    let before = fleet.save();
    let error = fleet.add("b", &foreign).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    assert!(error.to_string().contains("they were made for another reference"), "{error}");
    // Counts that contradict themselves, as another program might send them.
    let json = serde_json::to_string(&own).unwrap();
    for (from, to) in
        [("\"rows\":100", "\"rows\":101"), ("\"nulls\":", "\"nulls\":9"), ("\"len\":", "\"len\":1")]
    {
        let forged: WindowCounts = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        let error = fleet.add("b", &forged).unwrap_err();
        assert!(error.to_string().contains("rows that were counted"), "{error}");
    }
    let mut most: serde_json::Value = serde_json::from_str(&json).unwrap();
    for count in ["nulls", "nans"] {
        most["columns"][0][count] = u64::MAX.into();
    }
    let most: WindowCounts = serde_json::from_value(most).unwrap();
    let error = fleet.add("b", &most).unwrap_err();
    assert!(error.to_string().contains("rows that were counted"), "{error}");
    // As many rows as are said, and no values that the column can have.
    let mut foreign: serde_json::Value = serde_json::from_str(&json).unwrap();
    let known = foreign["columns"][4]["values"]["values"]["known"].as_object_mut().unwrap();
    let count = known.remove("free").unwrap();
    known.insert("nobody".to_owned(), count);
    let error = fleet.add("b", &serde_json::from_value(foreign).unwrap()).unwrap_err();
    assert!(error.to_string().contains("merge counts plan: its counts are not those"), "{error}");
    assert_eq!(fleet.save(), before);
    let mut lost = serde_json::to_value(&before).unwrap();
    lost["replicas"]["a"] = 99.into();
    let error = fleet.restore(serde_json::from_value(lost).unwrap()).unwrap_err();
    assert!(error.to_string().contains("restore fleet replicas"), "{error}");
    let mut elsewhere = Fleet::new(&other).unwrap();
    assert!(elsewhere.restore(before).is_err());
}

#[test]
fn counts_beyond_all_rows_are_an_error_and_do_not_go_round() {
    let reference = MonitorReference::new(&table(500, 1, 0.0), &options(1000)).unwrap();
    let mut counter = WindowCounter::new(&reference).unwrap();
    let mut counts = counted(&reference, &table(1 << 10, 2, 0.0));
    for _ in 10..53 {
        counter.put_back(&counts).unwrap();
        counter.put_back(&counts).unwrap();
        counts = counter.take().unwrap();
    }
    assert_eq!(counts.rows(), 1 << 53);
    counter.put_back(&counts).unwrap();
    let error = counter.put_back(&counts).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains("beyond 2^53"), "{error}");
    assert_eq!(counter.take().unwrap(), counts);
}

#[test]
fn unknown_values_and_columns_reach_the_fleet() {
    let reference = MonitorReference::new(&table(2000, 1, 0.0), &options(500)).unwrap();
    let rows = table(500, 2, 0.0);
    let plan: StringArray = (0..500).map(|_| Some("enterprise")).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("plan", Arc::new(plan)),
        ("grade", rows.column_by_name("grade").unwrap().clone()),
        ("colour", Arc::new(Int64Array::from_iter_values(0..500))),
    ];
    let mut fleet = Fleet::new(&reference).unwrap();
    let strange = RecordBatch::try_from_iter(columns).unwrap();
    let verdict = fleet.add("a", &counted(&reference, &strange)).unwrap().unwrap().verdict;
    assert_eq!(verdict.new_columns, ["colour"]);
    assert_eq!(verdict.vanished_columns, ["age", "amount", "member", "spend"]);
    let of = |name: &str, test: &str| verdict.column(name, test).unwrap().outcome;
    assert_eq!(of("plan", "chi_square"), Outcome::Drifted);
    assert_eq!(of("age", "missing_rate"), Outcome::Drifted);
    assert_eq!(of("age", "ks"), Outcome::InsufficientData);
    assert_eq!(of("grade", "chi_square"), Outcome::Stable);
}

#[cfg(feature = "report")]
#[test]
fn a_page_shows_the_verdict_and_its_replicas() {
    let reference = MonitorReference::new(&table(2000, 1, 0.0), &options(600)).unwrap();
    let mut fleet = Fleet::new(&reference).unwrap();
    fleet.add("berlin <1>", &counted(&reference, &table(200, 2, 1.0))).unwrap();
    let verdict = fleet.add("oslo", &counted(&reference, &table(400, 3, 1.0))).unwrap().unwrap();
    let page = verdict.to_html();
    for expected in ["600 rows of 2 replicas", "berlin &lt;1&gt;", "33 %", "oslo", "400", "67 %", "drifted"] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("<script"));
}
