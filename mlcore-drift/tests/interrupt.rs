//! Whoever asks a comparison to stop gets told so, by every test of the catalog, and a monitor goes on where it stood.
#![cfg(test)]

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result, interrupt};
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::monitor::{ColumnOptions, Monitor, MonitorOptions};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{CompiledTest, DriftTest, Effect, Score};

fn table(rows: std::ops::Range<usize>) -> RecordBatch {
    let numbers = Float64Array::from_iter_values(rows.clone().map(|i| (i * 617 % 1000) as f64));
    let texts = StringArray::from_iter_values(rows.map(|i| ["a", "b", "c"][i % 3]));
    RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts))]).unwrap()
}

fn stopped<T>(work: impl FnOnce() -> Result<T>) -> bool {
    matches!(interrupt::scope(|| true, work), Err(Error::Interrupted(_)))
}

/// A test that is added to the catalog and never asks fails here.
#[test]
fn every_test_of_the_catalog_stops() {
    let catalog = Catalog::default();
    let numbers = Sample::from_numbers((0..300).map(f64::from).collect());
    let texts = Sample::categorical(["a", "b", "c"].repeat(100));
    for name in catalog.names() {
        let test = catalog.test(name, &TestOptions::default()).unwrap();
        for sample in [&numbers, &texts].into_iter().filter(|sample| test.applies_to(sample.kind())) {
            assert!(stopped(|| test.compile(sample)), "{name} compiles on");
            assert!(stopped(|| test.compare(sample, sample)), "{name} compares on");
            let compiled = test.compile(sample).unwrap();
            assert!(stopped(|| compiled.compare(sample)), "{name} compares on when it is compiled");
            assert_eq!(compiled.compare(sample).unwrap().effect.value, 0.0);
        }
    }
    for name in catalog.table_names() {
        let test = catalog.table_test(name, &TestOptions::default()).unwrap();
        assert!(stopped(|| test.compile(&table(0..200))), "{name} compiles on");
        let compiled = test.compile(&table(0..200)).unwrap();
        assert!(stopped(|| compiled.compare(&table(0..200))), "{name} compares on");
    }
}

#[test]
fn reports_monitors_and_samples_stop() {
    let (reference, options) = (table(0..500), MonitorOptions::default().with_window_rows(200));
    for threads in [1, 4] {
        let options = ReportOptions::default().with_threads(NonZeroUsize::new(threads).unwrap());
        assert!(stopped(|| report(&reference, &reference, &options)));
    }
    assert!(stopped(|| Monitor::new(&reference, &options)));
    assert!(stopped(|| Sample::from_array(reference.column(1))));
    let mut monitor = Monitor::new(&reference, &options).unwrap();
    monitor.observe(&table(0..150)).unwrap();
    assert!(stopped(|| monitor.evaluate_now()));
    assert!(stopped(|| monitor.observe(&table(150..500))));
    let schema =
        Schema::new([Field::column("n", DType::Float64), Field::column("t", DType::String)]).unwrap();
    monitor.bind(&schema).unwrap();
    for i in 150..199 {
        let values = [Value::Float((i * 617 % 1000) as f64), Value::Text(["a", "b", "c"][i % 3])];
        monitor.observe_row(Row::new(&values, &schema).unwrap()).unwrap();
    }
    let last = [Value::Float((199 * 617 % 1000) as f64), Value::Text(["a", "b", "c"][199 % 3])];
    assert!(stopped(|| monitor.observe_row(Row::new(&last, &schema).unwrap())));
    assert_eq!(monitor.rows_in_window(), 199);
    let verdict = monitor.observe_row(Row::new(&last, &schema).unwrap()).unwrap().unwrap();
    let whole = Monitor::new(&reference, &options).unwrap().observe(&table(0..200)).unwrap();
    assert_eq!(verdict, whole[0]);
}

/// A test that never asks and takes its time; in the second window somebody loses patience.
#[derive(Debug)]
struct Slow;

#[derive(Debug)]
struct Compiled;

impl DriftTest for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, _reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Compiled))
    }
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        thread::sleep(interrupt::INTERVAL);
        Ok(Score::new(0.0, Effect::new("none", 0.0)).with_current_len(current.len()))
    }
}

/// The thread that is asked has the first column, which takes no time, and waits for one that is endless.
#[test]
fn all_threads_of_a_report_stop() {
    let column = |endless| ColumnOptions::default().with_test(Endless(endless));
    let monitor = MonitorOptions::default().with_column("n", column(false)).with_column("t", column(true));
    let options = ReportOptions::default().with_monitor(monitor).with_threads(NonZeroUsize::new(2).unwrap());
    let begin = Instant::now();
    let patience = move || begin.elapsed() > Duration::from_millis(120);
    let result = interrupt::scope(patience, || report(&table(0..500), &table(0..500), &options));
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
}

/// A test that goes on until it is stopped, or ends at once.
#[derive(Debug)]
struct Endless(bool);

impl DriftTest for Endless {
    fn name(&self) -> &str {
        "endless"
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, _reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(Self(self.0)))
    }
}

impl CompiledTest for Endless {
    fn compare(&self, current: &Sample) -> Result<Score> {
        if self.0 {
            interrupt::sleep("wait", Duration::from_secs(3600))?;
        }
        Ok(Score::new(0.0, Effect::new("none", 0.0)).with_current_len(current.len()))
    }
}

#[test]
fn a_window_that_was_interrupted_is_judged_again() {
    let slow = ColumnOptions::default().with_test(Slow);
    let options = MonitorOptions::default().with_window_rows(200).with_column("n", slow);
    let mut monitor = Monitor::new(&table(0..500), &options).unwrap();
    monitor.observe(&table(0..50)).unwrap();
    let asked = Rc::new(Cell::new(0));
    let counted = asked.clone();
    // The first window is judged meanwhile, and the second is not.
    let patience = move || {
        counted.set(counted.get() + 1);
        counted.get() > 2
    };
    let result = interrupt::scope(patience, || monitor.observe(&table(50..700)));
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
    assert!(asked.get() > 2);
    assert_eq!(monitor.rows_in_window(), 50);
    let again = monitor.observe(&table(50..700)).unwrap();
    let whole = Monitor::new(&table(0..500), &options).unwrap().observe(&table(0..700)).unwrap();
    assert_eq!(again, whole);
}
