//! What a report promises: aggregates only, one file, nothing that runs, whatever the columns are called.
#![cfg(test)]
#![cfg(feature = "report")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::{Error, Result};
use mlcore_drift::monitor::{ColumnVerdict, Monitor, MonitorOptions, Outcome};
use mlcore_drift::report::{ColumnSource, Report, ReportOptions, report};
use mlcore_drift::table::Energy;

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; DROP TABLE x; --",
    "</title></style><svg onload=alert(1)>",
    "\u{202e}txt.exe",
    "a\0b\u{7f}",
];

fn wave(i: usize, column: usize) -> f64 {
    ((i * 7919 + column * 104_729) % 10_007) as f64 / 100.0
}

fn table(rows: usize, columns: usize, shift: f64) -> RecordBatch {
    let names = (0..columns).map(|column| match HOSTILE.get(column) {
        Some(name) => (*name).to_owned(),
        None => format!("column {column}"),
    });
    let arrays = (0..columns).map(|column| -> ArrayRef {
        if column % 3 == 2 {
            let hostile =
                |i: usize| HOSTILE[(i + (shift > 0.0 && i.is_multiple_of(2)) as usize) % HOSTILE.len()];
            Arc::new(StringArray::from_iter_values((0..rows).map(hostile)))
        } else {
            Arc::new(Float64Array::from_iter_values((0..rows).map(|i| wave(i, column) + shift)))
        }
    });
    RecordBatch::try_from_iter(names.zip(arrays).collect::<Vec<_>>()).unwrap()
}

#[test]
fn hostile_names_and_categories_stay_text() {
    let options = ReportOptions::default().with_title(HOSTILE[3]);
    let report = report(&table(600, 9, 0.0), &table(600, 9, 30.0), &options).unwrap();
    for html in [report.to_html(), report.to_fragment()] {
        for forbidden in [
            "<script",
            "<img",
            "onload=alert(1)>",
            "javascript:",
            "\u{202e}",
            "\0",
            "http://",
            "https://",
            "url(",
        ] {
            assert!(!html.contains(forbidden), "{forbidden:?} in the page");
        }
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && html.contains("\\u{202e}txt.exe"));
        // Escaped text holds no angle bracket and no double quote, so that this finds every attribute's name.
        for tag in html.split('<').filter_map(|piece| piece.split('>').next()) {
            let names: String = tag.split('"').step_by(2).collect();
            assert!(
                !names.contains(" on") && !names.contains(" src=") && !names.contains(" style="),
                "{tag}"
            );
        }
        assert_eq!(html.matches("</style>").count(), 1);
    }
    let page = report.to_html();
    assert!(page.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\""));
    assert!(page.contains("color-scheme:light dark"));
    assert!(!report.to_fragment().contains("<html") && !report.to_fragment().contains("<body"));
}

#[test]
fn a_wide_page_stays_small_and_shows_what_drifted_first() {
    let (reference, mut columns) = (table(3000, 60, 0.0), Vec::new());
    for (position, field) in reference.schema().fields().iter().enumerate() {
        let other = table(2000, 60, if position == 40 { 25.0 } else { 0.0 });
        columns.push((field.name().clone(), other.column(position).clone()));
    }
    let current = RecordBatch::try_from_iter(columns).unwrap();
    let report = report(&reference, &current, &ReportOptions::default()).unwrap();
    assert_eq!(report.columns[0].name, "column 40");
    assert_eq!(report.columns.iter().filter(|column| column.outcome == Outcome::Drifted).count(), 1);
    let html = report.to_html();
    assert!(html.len() < 500_000, "{} bytes", html.len());
    assert!(html.find("id=\"column-").unwrap() > html.find("Summary").unwrap());
    assert!(html.matches("<title>").count() > 60, "each plot has a title");
}

#[test]
fn a_report_is_the_verdict_of_a_monitor_and_survives_json() {
    let (reference, current) = (table(2000, 9, 0.0), table(700, 9, 2.0));
    let options = ReportOptions::default();
    let report = report(&reference, &current, &options).unwrap();
    let judged = |options: MonitorOptions| {
        Monitor::new(&reference, &options.with_window_rows(700)).unwrap().observe(&current).unwrap().remove(0)
    };
    assert_eq!(report.verdict, judged(options.monitor));
    // A monitor's own defaults ask for the asymptotic p-value at this size.
    for (exact, fast) in report.verdict.columns.iter().zip(judged(MonitorOptions::default()).columns) {
        let pvalue = |column: &ColumnVerdict| column.score.as_ref().and_then(|score| score.pvalue).unwrap();
        assert_eq!(exact.test == "ks", pvalue(exact) != pvalue(&fast), "{}", exact.column);
        assert!((pvalue(exact) - pvalue(&fast)).abs() < 0.01, "{}", exact.column);
        assert_eq!(exact.outcome, fast.outcome);
    }
    let json = report.to_json();
    let again = Report::from_json(&json).unwrap();
    assert_eq!(again, report);
    assert_eq!(again.to_html(), report.to_html());
    assert!(matches!(Report::from_json("{"), Err(mlcore::Error::Corrupt(_))));
    let later = json.replacen("\"version\": 1", "\"version\": 9", 1);
    assert!(matches!(Report::from_json(&later), Err(mlcore::Error::Unsupported(_))));
}

#[test]
fn columns_are_summed_up_like_numpy_does() {
    let values = vec![Some(1.0), Some(2.0), Some(4.0), None, Some(f64::NAN), Some(f64::INFINITY), Some(3.0)];
    let table =
        RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap();
    let report = report(&table, &table, &ReportOptions::default()).unwrap();
    let column = report.column("x").unwrap();
    let moments = column.reference_moments.unwrap();
    assert_eq!((moments.count, moments.infinite), (5, 1));
    assert_eq!((moments.mean, moments.min, moments.max), (Some(2.5), Some(1.0), Some(4.0)));
    assert!((moments.standard_deviation.unwrap() - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    assert_eq!(
        (moments.lower_quartile, moments.median, moments.upper_quartile),
        (Some(2.0), Some(3.0), Some(4.0))
    );
    assert_eq!(column.reference_missing_rate, 2.0 / 7.0);
    assert_eq!(column.outcome, Outcome::InsufficientData);
    assert!(report.to_html().contains("Not enough data"));
}

#[test]
fn histograms_share_edges_and_lose_no_row() {
    let report = report(&table(2000, 4, 0.0), &table(900, 4, 40.0), &ReportOptions::default()).unwrap();
    for histogram in report.columns.iter().filter_map(|column| column.histogram.as_ref()) {
        assert_eq!(histogram.edges.len(), histogram.reference.len() + 1);
        for (side, shares) in [&histogram.reference, &histogram.current].into_iter().enumerate() {
            let total = shares.iter().sum::<f64>() + histogram.below[side] + histogram.above[side];
            assert!((total - 1.0).abs() < 1e-12, "{total}");
        }
    }
}

#[test]
fn odd_columns_are_drawn() {
    let columns: Vec<(&str, Vec<f64>)> = vec![
        ("constant", vec![5.0; 200]),
        ("huge", [f64::MIN, f64::MAX].repeat(100)),
        ("infinite", vec![f64::INFINITY; 200]),
        ("tiny", (0..200).map(|i| f64::from(i) * 5e-324).collect()),
        ("missing", vec![f64::NAN; 200]),
        ("zero", [0.0, -0.0].repeat(100)),
    ];
    let arrays =
        columns.into_iter().map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef));
    let table = RecordBatch::try_from_iter(arrays.collect::<Vec<_>>()).unwrap();
    let report = report(&table, &table, &ReportOptions::default()).unwrap();
    assert_eq!(report.verdict.overall, Outcome::Stable);
    let html = report.to_html();
    for tag in html.split('<').filter_map(|piece| piece.split('>').next()) {
        assert!(!tag.contains("NaN") && !tag.contains("inf\"") && !tag.contains("e300"), "{tag}");
    }
    assert!(Report::from_json(&report.to_json()).is_ok());
}

/// A table that says which of its columns were read, and fails where it is told to.
struct Watched {
    table: RecordBatch,
    read: Mutex<Vec<usize>>,
    broken: Option<usize>,
    rows: usize,
}

impl Watched {
    fn new(table: RecordBatch) -> Self {
        Self { rows: table.num_rows(), table, read: Mutex::default(), broken: None }
    }

    fn read(&self) -> Vec<usize> {
        let mut read = self.read.lock().unwrap().clone();
        read.sort_unstable();
        read
    }
}

impl ColumnSource for Watched {
    fn names(&self) -> Vec<String> {
        self.table.names()
    }

    fn num_rows(&self) -> usize {
        self.rows
    }

    fn column(&self, position: usize) -> Result<ArrayRef> {
        self.read.lock().unwrap().push(position);
        if self.broken == Some(position) {
            return Err(Error::corrupt("read column", "file", "it is torn"));
        }
        ColumnSource::column(&self.table, position)
    }
}

#[test]
fn columns_are_read_once_and_only_where_they_are_compared() {
    let (before, after) = (table(400, 12, 0.0), table(400, 12, 5.0));
    let whole = report(&before, &after, &ReportOptions::default()).unwrap();
    for threads in [1, 2, 5, 64] {
        let options = ReportOptions::default().with_threads(NonZeroUsize::new(threads).unwrap());
        let sides = (Watched::new(before.clone()), Watched::new(after.clone()));
        assert_eq!(report(&sides.0, &sides.1, &options).unwrap(), whole);
        assert_eq!((sides.0.read(), sides.1.read()), ((0..12).collect(), (0..12).collect()));
    }
    let mut asked = ReportOptions::default();
    asked.monitor.columns = Some(vec!["column 7".into(), "column 9".into()]);
    let sides = (Watched::new(before), Watched::new(after));
    assert_eq!(report(&sides.0, &sides.1, &asked).unwrap().columns.len(), 2);
    assert_eq!((sides.0.read(), sides.1.read()), (vec![7, 9], vec![7, 9]));
    let with_table = ReportOptions::default().with_table_test(Energy::default());
    assert_eq!(report(&sides.0, &sides.1, &with_table).unwrap().verdict.tables.len(), 1);
}

#[test]
fn a_source_that_fails_or_lies_is_an_error() {
    let sources = || (Watched::new(table(400, 12, 0.0)), Watched::new(table(400, 12, 0.0)));
    for threads in [1, 3] {
        let options = ReportOptions::default().with_threads(NonZeroUsize::new(threads).unwrap());
        let (mut torn, mut short) = sources();
        torn.broken = Some(5);
        let error = report(&torn, &short, &options).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("it is torn"), "{error}");
        (torn.broken, short.rows) = (None, 401);
        let error = report(&torn, &short, &options).unwrap_err();
        assert!(error.to_string().contains("it has 400 values and the table 401 rows"), "{error}");
        assert!(error.to_string().contains(HOSTILE[0]), "{error}");
    }
}
