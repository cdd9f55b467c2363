//! Tables of very many columns: time and memory grow with their number, and not with its square.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore_drift::monitor::{Fleet, MonitorReference, WindowCounter};
use mlcore_drift::{Monitor, MonitorOptions, ReportOptions, report};

/// A table of so many columns, in this order or turned round.
fn table(columns: usize, shift: f64, is_turned: bool) -> RecordBatch {
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values((0..8).map(|i| f64::from(i) + shift)));
    let place = |i: usize| if is_turned { columns - 1 - i } else { i };
    let fields: Vec<Field> =
        (0..columns).map(|i| Field::new(format!("feature {}", place(i)), DataType::Float64, true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![values; columns]).unwrap()
}

/// Square growth takes minutes.
fn soon(what: &str, most: u64, work: impl FnOnce()) {
    let began = Instant::now();
    work();
    let took = began.elapsed();
    println!("{what}: {took:?}");
    assert!(took < Duration::from_secs(most), "{what} took {took:?}");
}

/// How many columns; a million by `MLCORE_COLUMNS=1000000`.
fn columns() -> usize {
    std::env::var("MLCORE_COLUMNS").map_or(30_000, |text| text.parse().unwrap())
}

#[test]
fn a_monitor_of_very_many_columns_answers_soon() {
    let columns = columns();
    let most = 30 + columns as u64 / 1000;
    let (reference, rows) = (table(columns, 0.0, false), table(columns, 1.0, true));
    let options = MonitorOptions::default().with_window_rows(8).with_min_samples(1);
    let names = reference.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    soon("monitor", most, || {
        let mut monitor = Monitor::new(&reference, &options.clone().with_columns(names)).unwrap();
        let verdict = monitor.observe(&rows).unwrap().remove(0);
        assert_eq!(verdict.columns.len(), columns);
    });
    soon("reference and fleet", most, || {
        let stored = MonitorReference::new(&reference, &options).unwrap().to_bytes().unwrap();
        let again = MonitorReference::from_bytes(&stored).unwrap();
        let mut counter = WindowCounter::new(&again).unwrap();
        counter.observe(&rows).unwrap();
        let verdict = Fleet::new(&again).unwrap().add("a", &counter.take().unwrap()).unwrap().unwrap();
        assert_eq!(verdict.verdict.columns.len(), columns);
    });
    soon("other columns", most, || {
        let mut monitor = Monitor::new(&table(2, 0.0, false), &options).unwrap();
        let verdict = monitor.observe(&rows).unwrap().remove(0);
        assert_eq!(verdict.new_columns.len(), columns - 2);
        assert!(monitor.observe(&rows.slice(0, 1)).unwrap().is_empty());
    });
}

#[test]
fn a_report_of_very_many_columns_answers_soon() {
    let columns = columns();
    soon("report", 30 + columns as u64 / 500, || {
        let options = ReportOptions::default().with_monitor(MonitorOptions::default().with_min_samples(1));
        let report = report(&table(columns, 0.0, false), &table(columns, 1.0, true), &options).unwrap();
        assert_eq!(report.columns.len(), columns);
    });
}
