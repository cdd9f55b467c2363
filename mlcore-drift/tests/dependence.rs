//! Rows that depend on each other, and error over many windows: what a verdict says of them, and what helps.
//!
//! Seeded simulations: a rate is held against its nominal value plus three standard errors.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlcore::batch::{ColumnView, Row, Value};
use mlcore::stats::SplitMix64;
use mlcore_drift::monitor::{Monitor, MonitorOptions, Verdict, WindowCorrection};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_drift::two_sample::Note;

/// Rows of which each resembles the one before it: a normal column with this lag-1 autocorrelation, and others made of it.
struct Stream {
    random: SplitMix64,
    autocorrelation: f64,
    state: f64,
}

impl Stream {
    fn new(seed: u64, autocorrelation: f64) -> Self {
        Self { random: SplitMix64::new(seed), autocorrelation, state: 0.0 }
    }

    fn next(&mut self) -> f64 {
        let innovation = (1.0 - self.autocorrelation * self.autocorrelation).sqrt();
        self.state = self.autocorrelation * self.state + innovation * self.random.normal();
        self.state
    }

    fn number(&mut self, rows: usize) -> RecordBatch {
        let values = Float64Array::from_iter_values((0..rows).map(|_| self.next()));
        RecordBatch::try_from_iter([("x", Arc::new(values) as ArrayRef)]).unwrap()
    }

    /// Columns of every sort: normal, heavy-tailed, few and many categories, truth values of which few are true.
    fn mixed(&mut self, rows: usize) -> RecordBatch {
        let values: Vec<f64> = (0..rows).map(|_| self.next()).collect();
        let text = |of: &dyn Fn(f64) -> i64| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(values.iter().map(|value| format!("k{}", of(*value)))))
        };
        let keys = Int32Array::from_iter_values(values.iter().map(|value| i32::from(*value > 0.5)));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["low", "high"]));
        let columns: [(&str, ArrayRef); 6] = [
            ("normal", Arc::new(Float64Array::from_iter_values(values.iter().copied()))),
            ("heavy", Arc::new(Float64Array::from_iter_values(values.iter().map(|v| v.powi(9))))),
            ("few", text(&|value| value.round() as i64)),
            ("many", text(&|value| (value * 200.0) as i64)),
            ("rare", Arc::new(BooleanArray::from_iter(values.iter().map(|v| Some(*v > 2.3))))),
            ("dictionary", Arc::new(DictionaryArray::new(keys, names))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }
}

fn options() -> MonitorOptions {
    MonitorOptions::default().with_window_rows(500).with_minimum_effect("ks", 0.0).with_max_exact_n(0)
}

/// The verdicts of so many windows of one column.
fn windows(options: &MonitorOptions, seed: u64, autocorrelation: f64, count: usize) -> Vec<Verdict> {
    let mut stream = Stream::new(seed, autocorrelation);
    let mut monitor = Monitor::new(&stream.number(20_000), options).unwrap();
    let rows = options.window_rows * options.thin;
    (0..count).flat_map(|_| monitor.observe(&stream.number(rows)).unwrap()).collect()
}

/// The share of a hundred windows of twenty such columns that alarm.
fn many_columns(options: &MonitorOptions, autocorrelation: f64) -> f64 {
    let mut streams: Vec<Stream> =
        (0..20).map(|column| Stream::new(1000 + column, autocorrelation)).collect();
    let mut table = |rows: usize| {
        let columns = streams.iter_mut().enumerate().map(|(place, stream)| {
            let values = Float64Array::from_iter_values((0..rows).map(|_| stream.next()));
            (format!("c{place}"), Arc::new(values) as ArrayRef)
        });
        RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
    };
    let mut monitor = Monitor::new(&table(10_000), options).unwrap();
    let verdicts: Vec<Verdict> =
        (0..100).flat_map(|_| monitor.observe(&table(options.window_rows)).unwrap()).collect();
    share(&verdicts, Verdict::is_drifted)
}

fn share(verdicts: &[Verdict], of: impl Fn(&Verdict) -> bool) -> f64 {
    verdicts.iter().filter(|verdict| of(verdict)).count() as f64 / verdicts.len() as f64
}

#[test]
fn dependent_rows_alarm_falsely_are_noted_and_are_thinned() {
    let plain = windows(&options(), 1, 0.5, 300);
    let alarms = share(&plain, Verdict::is_drifted);
    let at_defaults = share(&windows(&MonitorOptions::default(), 1, 0.5, 300), Verdict::is_drifted);
    println!("autocorrelation 0.5: {alarms:.3} of windows alarm, {at_defaults:.3} at the defaults");
    assert!(alarms > 0.2 && at_defaults > 0.15, "{alarms} {at_defaults}");
    let many = many_columns(&MonitorOptions::default(), 0.5);
    let independent = many_columns(&MonitorOptions::default(), 0.0);
    println!("twenty columns: {many:.3}, and {independent:.3} if independent");
    assert!(
        many > 0.4 && independent <= 0.05 + 3.0 * (0.05 * 0.95 / 100.0_f64).sqrt(),
        "{many} {independent}"
    );
    for verdict in &plain {
        let [Note::DependentRows { column, columns: 1, autocorrelation, effective_rows }] =
            &verdict.notes[..]
        else {
            panic!("{:?}", verdict.notes)
        };
        assert_eq!(column, "x");
        assert!((autocorrelation - 0.5).abs() < 0.2 && (*effective_rows - 167.0).abs() < 90.0, "{verdict}");
    }
    assert!(plain[0].to_string().contains("Note: neighbouring rows are alike in x"), "{}", plain[0]);

    let thinned = windows(&options().with_thin(5), 1, 0.5, 300);
    let alarms = share(&thinned, Verdict::is_drifted);
    println!("every fifth row: {alarms:.3}");
    assert!(alarms <= 0.05 + 3.0 * (0.05 * 0.95 / 300.0_f64).sqrt(), "{alarms}");
    assert!(share(&thinned, |verdict| verdict.notes.is_empty()) > 0.99);
}

#[test]
fn independent_rows_are_noted_in_one_window_of_a_thousand_at_most() {
    let mut stream = Stream::new(2, 0.0);
    let mut monitor =
        Monitor::new(&stream.mixed(5000), &MonitorOptions::default().with_window_rows(400)).unwrap();
    let verdicts: Vec<Verdict> =
        (0..2000).flat_map(|_| monitor.observe(&stream.mixed(400)).unwrap()).collect();
    let noted = verdicts.iter().filter(|verdict| !verdict.notes.is_empty()).count();
    println!("{noted} of {} windows of independent rows are noted", verdicts.len());
    assert!(noted as f64 <= 2.0 + 3.0 * 2.0_f64.sqrt(), "{noted}");
}

#[test]
fn every_sort_of_column_shows_dependence() {
    let mut stream = Stream::new(3, 0.6);
    let (reference, current) = (stream.mixed(5000), stream.mixed(1000));
    for (name, columns) in [("normal", 1), ("heavy", 1), ("few", 1), ("dictionary", 1)] {
        let options = MonitorOptions::default().with_columns([name]);
        let verdict =
            report(&reference, &current, &ReportOptions::default().with_monitor(options)).unwrap().verdict;
        assert!(
            matches!(&verdict.notes[..], [Note::DependentRows { column, columns: found, .. }] if column == name && *found == columns),
            "{name}: {:?}",
            verdict.notes
        );
    }
    let whole = report(&reference, &current, &ReportOptions::default()).unwrap();
    assert!(whole.to_html().contains("Note: neighbouring rows are alike in "));
}

/// Rows of a table, one by one.
fn by_rows(monitor: &mut Monitor, table: &RecordBatch) -> Vec<Verdict> {
    let views: Vec<ColumnView<'_>> =
        table.columns().iter().map(|column| ColumnView::new("column", column.as_ref()).unwrap()).collect();
    (0..table.num_rows())
        .filter_map(|row| {
            let values: Vec<Value<'_>> = views.iter().map(|view| view.value(row)).collect();
            monitor.observe_row(Row::unchecked(&values)).unwrap()
        })
        .collect()
}

#[test]
fn notes_and_thinning_do_not_depend_on_how_rows_arrive() {
    let mut stream = Stream::new(4, 0.5);
    let (reference, current) = (stream.mixed(3000), stream.mixed(2000));
    for thin in [1, 2, 3, 7] {
        let options = MonitorOptions::default().with_window_rows(250).with_thin(thin);
        let new = || Monitor::new(&reference, &options).unwrap();
        let (mut whole, mut pieces, mut rows) = (new(), new(), new());
        let expected = whole.observe(&current).unwrap();
        assert_eq!(expected.len(), 2000_usize.div_ceil(thin) / 250, "{thin}");
        assert!(thin > 1 || !expected[0].notes.is_empty());
        let mut in_pieces = Vec::new();
        for (start, size) in (0..2000).step_by(80).zip([80; 25]) {
            in_pieces.extend(pieces.observe(&current.slice(start, size)).unwrap());
        }
        assert_eq!(in_pieces, expected, "{thin}");
        assert_eq!(by_rows(&mut rows, &current), expected, "{thin}");
        assert_eq!(rows.evaluate_now().unwrap(), whole.evaluate_now().unwrap(), "{thin}");
        assert_eq!(pieces.evaluate_now().unwrap(), whole.evaluate_now().unwrap(), "{thin}");
    }
}

#[test]
fn alpha_spending_holds_the_error_of_a_whole_monitor() {
    let (monitors, count) = (60_u64, 60);
    let ever = |correction| {
        let options = options().with_window_rows(200).with_window_correction(correction);
        let alarms = |seed| windows(&options, 100 + seed, 0.0, count).iter().any(Verdict::is_drifted);
        (0..monitors).filter(|seed| alarms(*seed)).count() as f64 / monitors as f64
    };
    let (without, with) = (ever(WindowCorrection::None), ever(WindowCorrection::AlphaSpending));
    println!("{count} quiet windows: {without:.2} of monitors alarm, {with:.2} with alpha spending");
    assert!(without > 0.6, "{without}");
    assert!(with <= 0.05 + 3.0 * (0.05 * 0.95 / monitors as f64).sqrt(), "{with}");

    // What changes and stays is found, however late.
    let options = options().with_window_correction(WindowCorrection::AlphaSpending);
    let mut stream = Stream::new(9, 0.0);
    let mut monitor = Monitor::new(&stream.number(20_000), &options).unwrap();
    let quiet: Vec<Verdict> = (0..200).flat_map(|_| monitor.observe(&stream.number(500)).unwrap()).collect();
    let expected = |window| WindowCorrection::AlphaSpending.alpha(0.05, window);
    assert!(quiet.iter().all(|verdict| verdict.alpha == expected(verdict.window.index)));
    let shifted = Float64Array::from_iter_values((0..1500).map(|_| stream.next() + 0.5));
    let shifted = RecordBatch::try_from_iter([("x", Arc::new(shifted) as ArrayRef)]).unwrap();
    assert!(monitor.observe(&shifted).unwrap().iter().all(Verdict::is_drifted));
}

#[test]
fn a_report_spends_nothing_and_impossible_options_are_refused() {
    let mut stream = Stream::new(6, 0.0);
    let (reference, current) = (stream.number(1000), stream.number(500));
    let options = MonitorOptions::default().with_window_correction(WindowCorrection::AlphaSpending);
    let found =
        report(&reference, &current, &ReportOptions::default().with_monitor(options.clone())).unwrap();
    assert_eq!(found.verdict.alpha, 0.05);
    let json = serde_json::to_string(&options.with_thin(3)).unwrap();
    let read: MonitorOptions = serde_json::from_str(&json).unwrap();
    assert_eq!((read.window_correction, read.thin), (WindowCorrection::AlphaSpending, 3));
    let error = Monitor::new(&reference, &MonitorOptions::default().with_thin(0)).unwrap_err();
    assert!(error.to_string().starts_with("make monitor thin: every 0th row is none"), "{error}");
    assert!(serde_json::from_str::<MonitorOptions>(r#"{"window_correction": "sometimes"}"#).is_err());
}
