//! A table that no memory holds: its rows are generated batch by batch and profiled, or its columns one by one and compared.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::profile::{Profile, ProfileOptions};
use mlcore::stats::{Correction, SplitMix64, multipletests};
use mlcore_drift::Sample;
use mlcore_drift::catalog::Catalog;
use mlcore_drift::monitor::Preset;
use mlcore_drift::report::{ColumnSource, ReportOptions, report};
use mlcore_drift::sample::Kind;

use super::{Found, child, found};
use crate::Result;
use crate::table::{Goal, Table, verdict};

const ROWS: usize = 3_000_000;
const COLUMNS: usize = 1_000;
/// Of ten columns three are text.
const TEXTS_OF_TEN: usize = 3;
/// One column of so many moves by a fifth of a standard deviation, or uses other words.
const MOVES: usize = 21;
const BATCH: usize = 4_096;
const WORDS: [&str; 12] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo",
    "lima",
];
const WITHIN: f64 = 20.0 * 60.0;
const MEGABYTES: f64 = 8.0 * 1024.0;

pub(super) fn run() -> Result<()> {
    let rows = std::env::var("MLCORE_BENCH_LARGE_ROWS").ok().map_or(Ok(ROWS), |text| text.parse())?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let title = format!(
        "{rows} rows x {COLUMNS} columns against as many, generated while they are compared, {threads} threads"
    );
    let columns = ["how", "ours", "", "", "goal", "", "peak memory", "goal", "", "drifted", "moved"];
    let mut table = Table::new(title, &columns);
    for (how, what) in [
        ("batches", "batches of rows into profiles, one a thread and side; the merged profiles compared"),
        ("columns", "a report that reads a column of each side a thread"),
    ] {
        let measured = child(&["large", how, &rows.to_string(), &COLUMNS.to_string(), &threads.to_string()])?;
        let memory = [
            format!("{:.2} GB", measured.peak_megabytes / 1024.0),
            format!("< {:.0} GB", MEGABYTES / 1024.0),
            verdict(Some(measured.peak_megabytes < MEGABYTES)).to_owned(),
            measured.drifted.to_string(),
            COLUMNS.div_ceil(MOVES).to_string(),
        ];
        let cells = Goal::Within(WITHIN).judge(measured.seconds, None);
        table.line([what.to_owned()].into_iter().chain(cells).chain(memory));
    }
    table.note("Generating the rows is part of the time.");
    crate::print(&table);
    Ok(())
}

/// In the child.
pub(super) fn measure(how: &str, (rows, columns): (usize, usize), threads: NonZeroUsize) -> Result<Found> {
    let sides = [false, true].map(|is_current| Side { rows, columns, is_current });
    found(|| match how {
        "batches" => by_batches(&sides, threads),
        _ => {
            let [reference, current] = &sides;
            let report = report(reference, current, &ReportOptions::default().with_threads(threads))?;
            Ok(report.drifted().count())
        }
    })
}

/// One of the two tables.
#[derive(Clone, Copy, Debug)]
struct Side {
    rows: usize,
    columns: usize,
    is_current: bool,
}

impl Side {
    fn name(column: usize) -> String {
        let kind = if Self::is_text(column) { "text" } else { "number" };
        format!("{kind}_{column}")
    }

    fn is_text(column: usize) -> bool {
        column % 10 < TEXTS_OF_TEN
    }

    /// The rows from `first`, at most a batch of them, of one column: the same however they are read.
    fn values(&self, column: usize, batch: usize, random: &mut SplitMix64) -> Vec<f64> {
        let seed = ((column as u64) << 40) ^ ((batch as u64) << 1) ^ u64::from(self.is_current);
        *random = SplitMix64::new(seed);
        let rows = BATCH.min(self.rows - batch * BATCH);
        // The sum of four uniform numbers is bell-shaped enough, and cheap.
        let bell =
            |random: &mut SplitMix64| 3f64.sqrt() * ((0..4).map(|_| random.uniform()).sum::<f64>() - 2.0);
        let moved = if self.is_current && column.is_multiple_of(MOVES) { 0.2 } else { 0.0 };
        (0..rows).map(|_| moved + bell(random)).collect()
    }

    fn array(&self, column: usize, values: Vec<f64>) -> ArrayRef {
        if !Self::is_text(column) {
            return Arc::new(Float64Array::from(values));
        }
        let word = |value: &f64| {
            let place = ((value + 3.5) / 7.0 * WORDS.len() as f64) as usize;
            WORDS.get(place).copied().unwrap_or("mike")
        };
        Arc::new(StringArray::from_iter_values(values.iter().map(word)))
    }

    fn batches(&self) -> usize {
        self.rows.div_ceil(BATCH)
    }

    fn batch(&self, batch: usize) -> Result<RecordBatch> {
        let mut random = SplitMix64::new(0);
        let columns = (0..self.columns)
            .map(|column| (Self::name(column), self.array(column, self.values(column, batch, &mut random))));
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

impl ColumnSource for Side {
    fn names(&self) -> Vec<String> {
        (0..self.columns).map(Self::name).collect()
    }

    fn num_rows(&self) -> usize {
        self.rows
    }

    fn column(&self, position: usize) -> mlcore::Result<ArrayRef> {
        let mut random = SplitMix64::new(0);
        let values =
            (0..self.batches()).flat_map(|batch| self.values(position, batch, &mut random)).collect();
        Ok(self.array(position, values))
    }
}

/// Every thread profiles its batches of both sides; how many columns of the merged profiles drifted.
fn by_batches(sides: &[Side; 2], threads: NonZeroUsize) -> Result<usize> {
    let mut profiles = Vec::new();
    for side in sides {
        let part = |first: usize| -> std::result::Result<Profile, String> {
            let text = |error: &dyn std::fmt::Display| error.to_string();
            let mut profile = Profile::new(&ProfileOptions::default()).map_err(|error| text(&error))?;
            for batch in (first..side.batches()).step_by(threads.get()) {
                let batch = side.batch(batch).map_err(|error| text(&error))?;
                profile.add(&batch).map_err(|error| text(&error))?;
            }
            Ok(profile)
        };
        let parts: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads.get()).map(|first| scope.spawn(move || part(first))).collect();
            running
                .into_iter()
                .map(|part| part.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
                .collect()
        });
        let mut parts = parts.into_iter();
        let mut whole = parts.next().ok_or("there is no thread")??;
        for part in parts {
            whole.merge(&part?)?;
        }
        profiles.push(whole);
    }
    let [reference, current] = profiles.as_slice() else { return Err("there are two sides".into()) };
    let (catalog, mut judged) = (Catalog::default(), Vec::new());
    for (name, column) in reference.columns() {
        let other = current.column(name).ok_or("a column is gone")?;
        let kind = if name.starts_with("text") { Kind::Categorical } else { Kind::Numeric };
        let samples = (Sample::from_profile_as(column, kind)?, Sample::from_profile_as(other, kind)?);
        let test = Preset::Default.test(&samples.0, 0).test(&catalog)?;
        let score = test.compare(&samples.0, &samples.1)?;
        judged.push((score.pvalue.unwrap_or(1.0), score.effect.value >= test.default_minimum_effect()));
    }
    let pvalues: Vec<f64> = judged.iter().map(|(pvalue, _)| *pvalue).collect();
    let rejected = multipletests(&pvalues, 0.05, Correction::default())?.reject;
    Ok(rejected.iter().zip(&judged).filter(|(rejected, (_, is_large))| **rejected && *is_large).count())
}
