//! A hundred mixed columns of a hundred thousand rows beside Evidently's preset.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore_drift::MonitorOptions;
use mlcore_drift::monitor::Preset;
use mlcore_drift::report::{ReportOptions, report};

use super::{Found, child, found};
use crate::Result;
use crate::data::{CATEGORIES, Part};
use crate::peer::Peer;
use crate::table::{Goal, Table, verdict};

const ROWS: usize = 100_000;
const NUMBERS: usize = 70;
const WORDS: usize = 30;
/// How many times faster than the peer's whole report, and than its tests alone.
const WHOLE: f64 = 100.0;
const TESTS: f64 = 9.0;
/// The share of the peer's memory.
const MEMORY: f64 = 0.1;

pub(super) fn run(folder: &Path) -> Result<()> {
    for (part, first, mean) in [("reference", 1_000, 0.0), ("current", 2_000, 0.02)] {
        write(folder, part, first, mean)?;
    }
    let arguments =
        ["--rows", &ROWS.to_string(), "--numbers", &NUMBERS.to_string(), "--words", &WORDS.to_string()];
    let evidently = Peer::run("MLCORE_BENCH_EVIDENTLY_PYTHON", "evidently_mixed.py", folder, &arguments)?;
    let (whole, alone) = (evidently.seconds("mixed/whole"), evidently.seconds("mixed/tests"));
    let peer_megabytes = evidently.seconds("mixed/megabytes");
    let title = format!(
        "A report of {NUMBERS} columns of numbers and {WORDS} of text, 1e5 rows each, with its page and its JSON; peer: Evidently"
    );
    let columns = [
        "report",
        "ours",
        "peer",
        "faster",
        "goal",
        "",
        "peer's tests alone",
        "faster",
        "goal",
        "",
        "memory",
        "peer's",
        "goal",
        "",
    ];
    let mut table = Table::new(title, &columns);
    for preset in ["default", "evidently"] {
        for threads in [1, 2] {
            let measured = child(&["mixed", &folder.to_string_lossy(), preset, &threads.to_string()])?;
            let [ours, peers @ ..] = Goal::Times(WHOLE).judge(measured.seconds, whole);
            let [_, tests @ ..] = Goal::Times(TESTS).judge(measured.seconds, alone);
            let memory = [
                format!("{:.0} MB", measured.megabytes),
                peer_megabytes.map_or("-".to_owned(), |peer| format!("{peer:.0} MB")),
                format!("{:.0} %", 100.0 * MEMORY),
                verdict(peer_megabytes.map(|peer| measured.megabytes <= MEMORY * peer)).to_owned(),
            ];
            let name =
                format!("tests of preset {preset}, {threads} thread{}", if threads == 1 { "" } else { "s" });
            table.line([name, ours].into_iter().chain(peers).chain(tests).chain(memory));
        }
    }
    table.note("Memory: what the report took beyond the two tables.");
    table.note(evidently.versions);
    crate::print(&table);
    Ok(())
}

/// Writes the columns of one side, one after the other: `mixed_<part>.f64` and `mixed_<part>.u8`.
fn write(folder: &Path, part: &str, first: u64, mean: f64) -> Result<()> {
    let (mut numbers, mut codes) = (Vec::new(), Vec::new());
    for place in 0..(NUMBERS + WORDS) as u64 {
        // Every third column of numbers is where it was.
        let column = Part::new(ROWS, first + place, (mean * (place % 3) as f64, 1.0));
        if place < NUMBERS as u64 {
            numbers.extend(column.numbers.values().iter().flat_map(|number| number.to_le_bytes()));
        } else {
            codes.extend(column.codes);
        }
    }
    fs::write(folder.join(format!("mixed_{part}.f64")), numbers)?;
    Ok(fs::write(folder.join(format!("mixed_{part}.u8")), codes)?)
}

fn read(folder: &Path, part: &str) -> Result<RecordBatch> {
    let numbers = fs::read(folder.join(format!("mixed_{part}.f64")))?;
    let codes = fs::read(folder.join(format!("mixed_{part}.u8")))?;
    let words: Vec<String> = (0..CATEGORIES).map(|code| format!("cat_{code}")).collect();
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap_or_default());
    let numbers = numbers.chunks_exact(ROWS * size_of::<f64>()).enumerate().map(|(place, column)| {
        let column = Float64Array::from_iter_values(column.chunks_exact(size_of::<f64>()).map(number));
        (format!("num_{place}"), Arc::new(column) as ArrayRef)
    });
    let texts = codes.chunks_exact(ROWS).enumerate().map(|(place, column)| {
        let column = StringArray::from_iter(column.iter().map(|code| words.get(usize::from(*code))));
        (format!("cat_{place}"), Arc::new(column) as ArrayRef)
    });
    Ok(RecordBatch::try_from_iter(numbers.chain(texts))?)
}

/// In the child: one report, after one of a few rows.
pub(super) fn measure(folder: &Path, preset: &str, threads: NonZeroUsize) -> Result<Found> {
    let (reference, current) = (read(folder, "reference")?, read(folder, "current")?);
    let preset = if preset == "evidently" { Preset::Evidently } else { Preset::Default };
    let options = ReportOptions::default()
        .with_monitor(MonitorOptions::default().with_preset(preset))
        .with_threads(threads);
    report(&reference.slice(0, 500), &current.slice(0, 500), &options)?;
    found(|| {
        let report = report(&reference, &current, &options)?;
        let written = report.to_json().len() + report.to_html().len();
        if written == 0 {
            return Err("the report is empty".into());
        }
        Ok(report.drifted().count())
    })
}
