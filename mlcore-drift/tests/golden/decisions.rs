//! The decisions of Evidently and NannyML by the presets of their names: see `testdata/golden/make_drift_decisions.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore_drift::Monitor;
use mlcore_drift::monitor::{ColumnOptions, MonitorOptions, Outcome, Preset, Verdict};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_drift::two_sample::Psi;
use serde::Deserialize;

use crate::samples::Spec;

#[derive(Deserialize)]
struct Golden {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    reference: BTreeMap<String, Spec>,
    current: BTreeMap<String, Spec>,
    evidently: Evidently,
    nannyml: BTreeMap<String, NannyMl>,
}

#[derive(Deserialize)]
struct Evidently {
    drifted: bool,
    columns: BTreeMap<String, Column>,
}

#[derive(Deserialize)]
struct Column {
    test: String,
    threshold: f64,
    score: f64,
    drifted: bool,
}

#[derive(Deserialize)]
struct NannyMl {
    threshold: f64,
    alerts: Vec<bool>,
}

fn golden() -> Vec<Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/drift_decisions.json");
    let file = std::fs::read_to_string(path).expect("testdata/golden/make_drift_decisions.py wrote it");
    serde_json::from_str::<Golden>(&file).unwrap().tables
}

fn batch(columns: &BTreeMap<String, Spec>) -> RecordBatch {
    RecordBatch::try_from_iter(columns.iter().map(|(name, spec)| (name.clone(), spec.array()))).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs() + 1e-12
}

#[test]
fn the_preset_evidently_decides_as_evidently() {
    let (mut compared, mut drifted) = (0, 0);
    for (place, table) in golden().iter().enumerate() {
        let (reference, current) = (batch(&table.reference), batch(&table.current));
        let options = MonitorOptions::default().with_preset(Preset::Evidently);
        let by_report =
            report(&reference, &current, &ReportOptions::default().with_monitor(options.clone())).unwrap();
        let mut monitor = Monitor::new(&reference, &options.with_window_rows(current.num_rows())).unwrap();
        let by_monitor = monitor.observe(&current).unwrap();
        for verdict in [&by_report.verdict, &by_monitor[0]] {
            assert_eq!(verdict.columns.len(), table.evidently.columns.len());
            assert_eq!(verdict.is_drifted(), table.evidently.drifted, "table {place}: {verdict}");
            for column in &verdict.columns {
                let what = format!("table {place}, {}: {}", column.column, column.sentence);
                let expected = &table.evidently.columns[&column.column];
                assert_eq!(column.test, expected.test, "{what}");
                let score = column.score.as_ref().unwrap();
                let ours = score.pvalue.unwrap_or(score.effect.value);
                // Evidently's tail is 1 less a distribution function.
                let is_close = near(ours, expected.score) || (ours < 1e-6 && expected.score < 1e-6);
                assert!(is_close, "{what} {ours} where Evidently has {}", expected.score);
                let threshold = if score.pvalue.is_some() { verdict.alpha } else { column.threshold };
                assert_eq!(threshold, expected.threshold, "{what}");
                assert_eq!(column.outcome == Outcome::Drifted, expected.drifted, "{what}");
                compared += 1;
                drifted += u32::from(expected.drifted);
            }
        }
    }
    println!("{compared} decisions, {drifted} of drift");
    assert!(compared >= 2 * 7 * 21 && drifted > 60, "{compared} {drifted}");
}

#[test]
fn the_preset_nannyml_alerts_as_nannyml() {
    let (mut compared, mut alerts) = (0, 0);
    for (place, table) in golden().iter().enumerate() {
        let (reference, current) = (batch(&table.reference), batch(&table.current));
        let options =
            MonitorOptions::default().with_preset(Preset::NannyMl).with_window_rows(current.num_rows() / 10);
        let verdicts = Monitor::new(&reference, &options).unwrap().observe(&current).unwrap();
        assert_eq!(verdicts.len(), 10);
        for (chunk, verdict) in verdicts.iter().enumerate() {
            assert_eq!(verdict.columns.len(), table.nannyml.len());
            for column in &verdict.columns {
                let what = format!("table {place}, chunk {chunk}, {}: {}", column.column, column.sentence);
                let expected = &table.nannyml[&column.column];
                let threshold = column.threshold;
                // What rounding leaves of no distance is 1e-8 there.
                assert!(near(threshold, expected.threshold) || expected.threshold < 1e-7, "{what}");
                if threshold > 1e-7 {
                    assert_eq!(column.outcome == Outcome::Drifted, expected.alerts[chunk], "{what}");
                    compared += 1;
                    alerts += u32::from(expected.alerts[chunk]);
                }
            }
        }
    }
    println!("{compared} decisions, {alerts} alerts");
    assert!(compared >= 7 * 10 * 19 && alerts > 60, "{compared} {alerts}");
}

fn numbers(values: impl Iterator<Item = f64>) -> RecordBatch {
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
    RecordBatch::try_from_iter([("x", values)]).unwrap()
}

#[test]
fn what_is_asked_for_comes_before_the_preset() {
    let reference = numbers((0..500).map(f64::from));
    let current = numbers((0..500).map(|i| f64::from(i) + 60.0));
    let judged = |options: &MonitorOptions| -> Verdict {
        let options = options.clone().with_window_rows(500);
        Monitor::new(&reference, &options).unwrap().observe(&current).unwrap().remove(0)
    };
    let evidently = MonitorOptions::default().with_preset(Preset::Evidently);
    let verdict = judged(&evidently);
    assert!(verdict.is_drifted() && verdict.correction == "none" && verdict.drift_share == Some(0.5));
    assert!(!judged(&evidently.clone().with_minimum_effect("ks", 0.5)).is_drifted());
    assert!(!judged(&evidently.clone().with_alpha(1e-9)).is_drifted());
    let verdict = judged(&evidently.clone().with_numeric_test(Psi::default()));
    assert_eq!((verdict.columns[0].test.as_str(), verdict.columns[0].threshold), ("psi", 0.1));
    let nannyml = MonitorOptions::default().with_preset(Preset::NannyMl);
    let own = ColumnOptions::default().with_minimum_effect(0.9);
    let verdict = judged(&nannyml.clone().with_column("x", own));
    assert_eq!((verdict.columns[0].threshold, verdict.is_drifted()), (0.9, false));
    // Missing rows are compared where an effect is named for them.
    let gappy = numbers((0..500).map(|i| if i % 4 == 0 { f64::NAN } else { f64::from(i) }));
    for (options, tests) in [(evidently.clone(), 1), (evidently.with_minimum_effect("missing_rate", 0.02), 2)]
    {
        let mut monitor = Monitor::new(&reference, &options.with_window_rows(500)).unwrap();
        assert_eq!(monitor.observe(&gappy).unwrap()[0].columns.len(), tests);
    }
    // A reference of fewer rows than chunks, and one with infinities, which Evidently drops.
    let error = Monitor::new(&numbers((0..9).map(f64::from)), &nannyml).unwrap_err();
    assert!(error.to_string().contains("9 rows: NannyML takes its threshold from 10 chunks"), "{error}");
    let infinite = numbers((0..500).map(|i| if i == 7 { f64::INFINITY } else { f64::from(i) }));
    assert!(Monitor::new(&infinite, &nannyml).unwrap_err().to_string().contains("infinities"));
    let evidently = MonitorOptions::default().with_preset(Preset::Evidently).with_window_rows(500);
    let verdict = Monitor::new(&infinite, &evidently).unwrap().observe(&infinite).unwrap().remove(0);
    let score = verdict.columns[0].score.as_ref().unwrap();
    assert_eq!((score.reference_len, score.current_len, score.effect.value), (499, 499, 0.0));
    let empty = numbers((0..500).map(|_| f64::NAN));
    let verdict = Monitor::new(&empty, &evidently).unwrap().observe(&current).unwrap().remove(0);
    assert_eq!(verdict.overall, Outcome::InsufficientData);
}

#[test]
fn a_preset_is_written_and_read_with_its_rule() {
    for preset in Preset::ALL {
        let options = MonitorOptions::default().with_preset(*preset);
        let json = serde_json::to_string(&options).unwrap();
        let named = format!(r#"{{"preset": "{preset}"}}"#);
        for json in [json.as_str(), named.as_str()] {
            let again: MonitorOptions = serde_json::from_str(json).unwrap();
            assert_eq!(format!("{again:?}"), format!("{options:?}"), "{json}");
        }
    }
    let error = serde_json::from_str::<MonitorOptions>(r#"{"preset": "alibi"}"#).unwrap_err();
    assert!(error.to_string().contains("use one of default, evidently, nannyml"), "{error}");
    let error = serde_json::from_str::<MonitorOptions>(r#"{"window": 3}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `window`"), "{error}");
}
